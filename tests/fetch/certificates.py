"""Certificates for the tests: made in a moment, by authorities of their own."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM
_DAY = datetime.timedelta(days=1)


def _subject(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates. ``folder`` is where its files go; ``ca_file`` is its own certificate."""

    def __init__(self, folder, name="an authority"):
        self._folder = folder
        self._name = _subject(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key()
        basic = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = (
            _builder(self._name, self._name, public, 0)
            .add_extension(basic, critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.ca_file = folder / f"{name.replace(' ', '-')}.pem"
        self.ca_file.write_bytes(made.public_bytes(_PEM))

    def server(self, *names, age=0, **options):
        """A server's context for a certificate of these names, signed ``age`` days ago for two days."""
        return self._context(names, self._name, self._key, age, **options)

    def self_signed(self, *names):
        """A server's context for a certificate that nobody else has signed."""
        return self._context(names, _subject(names[0]), None, 0)

    def _context(self, names, issuer, signing_key, age, *, most=None):
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(_subject(names[0]), issuer, key.public_key(), age)
        made = made.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        issued_by = (signing_key or key).public_key()
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issued_by), critical=False)
        made = made.sign(signing_key or key, hashes.SHA256())
        private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file = self._folder / f"server-{made.serial_number}.pem"
        file.write_bytes(made.public_bytes(_PEM) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if most is not None:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = most
        return context


def _builder(subject, issuer, key, age):
    then = datetime.datetime.now(datetime.UTC) - age * _DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(then - _DAY)
        .not_valid_after(then + _DAY)
    )


@functools.cache
def _name(text):
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
