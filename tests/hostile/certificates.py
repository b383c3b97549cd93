"""An authority for tests, and the certificates that it signed, or should have."""

from __future__ import annotations

import datetime
import ipaddress
import pathlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PEM = serialization.Encoding.PEM


class Certificates:
    """Made once, in a folder. ``authority`` is the file that a client must trust."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self.authority = folder / "authority.pem"
        if not self.authority.exists():
            self._make()

    def context(self, name: str) -> ssl.SSLContext:
        """The server's side of TLS with the certificate ``good``, ``expired``, ``wrong-host`` or ``self-signed``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / f"{name}.pem")
        return context

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("acrawl's authority for tests")
        basic = (x509.BasicConstraints(ca=True, path_length=0), True)
        authority = _builder(name, name, key, 1).add_extension(*basic).sign(key, hashes.SHA256())
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        other = x509.SubjectAlternativeName([x509.DNSName("other.example")])
        for file, days, names, signed in (
            ("good", 1, here, True),
            ("expired", -1, here, True),
            ("wrong-host", 1, other, True),
            ("self-signed", 1, here, False),
        ):
            own = ec.generate_private_key(ec.SECP256R1())
            subject = _name("a server")
            builder = _builder(subject, name if signed else subject, own, days).add_extension(names, False)
            pem = builder.sign(key if signed else own, hashes.SHA256()).public_bytes(_PEM)
            private = own.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            (self._folder / f"{file}.pem").write_bytes(pem + private)
        self.authority.write_bytes(authority.public_bytes(_PEM))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    """A certificate that ends in so many days."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + datetime.timedelta(days=days))
    )
