"""TLS between machines: one self-signed certificate a job, which workers recognise by its SHA-256 (extra ``tls``)."""

from __future__ import annotations

import datetime
import pathlib
import ssl
from hashlib import sha256

from acrawl.errors import FolderProblem, KeyProblem, MissingExtra
from acrawl.queues.join import write_private
from acrawl.queues.wire import ClientTls

_YEARS = 10


def make_certificate(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Make, or load again, a folder's certificate and key; returns their paths. Only this user may read the key.

    Raises `MissingExtra` without the ``cryptography`` package, `FolderProblem` when the folder cannot be written.
    """
    certificate, key = folder / "master.crt", folder / "master.key"
    if certificate.exists() and key.exists():
        return certificate, key
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise MissingExtra("listening beyond this machine needs TLS: pip install 'acrawl[tls]'") from None
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acrawl master")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        certificate.unlink(missing_ok=True)  # a pair that is half old would pass for a pair
        write_private(key, secret)
        write_private(certificate, made.public_bytes(pem))
    except OSError as error:
        raise FolderProblem(f"{folder}: the certificate cannot be written: {error.strerror}") from None
    return certificate, key


def fingerprint(certificate: str) -> str:
    """The SHA-256 of a PEM certificate, in hexadecimal: what workers compare. Raises `KeyProblem` for no PEM."""
    try:
        return sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
    except ValueError:
        raise KeyProblem("the certificate is no PEM certificate; fetch the join file anew") from None


def server_context(certificate: pathlib.Path, key: pathlib.Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise KeyProblem(
            f"{certificate} and {key} cannot be used: {error}; remove both to have new ones made"
        ) from None
    return context


def client_tls(certificate: str, pin: str) -> ClientTls:
    """Trust this certificate and no other, by whatever name the master is reached."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    try:
        context.load_verify_locations(cadata=certificate)
    except (TypeError, ValueError, ssl.SSLError) as error:  # TypeError: it is not even ASCII
        raise KeyProblem(f"the join file's certificate cannot be read: {error}; fetch the join file anew") from None
    return ClientTls(context, pin)
