"""What an object store's answer that is none means to people: one line, and no secret in it.

The texts of errors hold whole requests, whose URLs may be signed: only codes and the endpoint are taken from them.
"""

from __future__ import annotations

import re

from acrawl.results.cloud.address import Address

_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_ENDPOINT = re.compile(r"https?://(?:[^/\s@]*@)?([^/\s@?]+)")
_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_RIGHTS = {
    "s3": "s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket",
    "gs": "the role Storage Object User",
    "az": "the role Storage Blob Data Contributor",
}
#: Codes by what they come to.
_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"})
_BAD_BUCKET = frozenset({"InvalidBucketName", "InvalidResourceName"})
_BAD_KEY = frozenset(
    {
        "SignatureDoesNotMatch", "InvalidAccessKeyId", "AuthenticationFailed", "InvalidToken", "InvalidSecurity",
        "NoAuthenticationInformation", "InvalidAuthenticationInfo",
    }
)  # fmt: skip
_EXPIRED = frozenset({"ExpiredToken", "TokenRefreshRequired", "RequestExpired"})
_WRONG_REGION = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"})
_SKEWED = frozenset({"RequestTimeTooSkewed"})
#: Where credentials are asked for when the environment has none.
_CREDENTIALS = ("/latest/api/token", "/latest/meta-data", "/computeMetadata/", "token request", "/metadata/identity")


def is_no_bucket(text: str) -> bool:
    """Whether an error's text says that there is no such bucket: without a body nobody can tell."""
    return code_of(text) in _NO_BUCKET


def code_of(text: str) -> str:
    """The store's own word for what is wrong; empty where it gave none."""
    found = _CODE.search(text)
    return found[1] if found else ""


def status_of(text: str) -> int:
    """The status of the answer; 0 where there was none."""
    found = _STATUS.search(text)
    return int(found[1]) if found else 0


def explained(text: str, address: Address) -> str:
    """Say what is wrong and how to mend it, from the text of an error of obstore."""
    code, status, scheme = code_of(text), status_of(text), address.scheme
    said = code or (str(status) if status else "")
    if "MissingAccount" in text:
        return f"no storage account is named: set {_KEYS['az']}"
    if any(mark in text for mark in _CREDENTIALS):
        return f"no credentials are found: set {_KEYS[scheme]}, or run where a role gives them"
    if code in _NO_BUCKET:
        return f"there is no such bucket ({code}): make it, or name another"
    if code in _BAD_BUCKET:
        return f"no bucket can have this name ({code})"
    if code in _EXPIRED:
        return f"the credentials have expired ({code}): get new ones"
    if code in _BAD_KEY or status == 401:
        return f"the key is refused ({said}): check {_KEYS[scheme]}"
    if code in _SKEWED:
        return f"the clocks differ too much ({code}): set this machine's"
    if code in _WRONG_REGION or status in {301, 307} or "redirect" in text.partition("\n")[0].lower():
        return f"the bucket is in another region ({said or 'redirect'}): set AWS_REGION"
    if status == 403:
        return f"that is not allowed ({said}): the key needs {_RIGHTS[scheme]}"
    return _unreached(text, said, status)


def _unreached(text: str, said: str, status: int) -> str:
    found = _ENDPOINT.search(text)
    where = found[1] if found else "its server"
    if "BadScheme" in text:
        return f"{where} is spoken to without TLS: set AWS_ALLOW_HTTP=true if that is meant"
    if status:
        return f"{where} answers {status}{f' ({said})' if said != str(status) else ''}"
    kind = "has not answered in time" if "kind: Timeout" in text else "cannot be reached"
    return f"{where} {kind}: check the network, and the endpoint in AWS_ENDPOINT_URL if there is one"
