"""Why a call was refused: the names of the protocol's `Reason` enum, without their prefix."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ADMIN_SERVICE", "DOMAIN", "SERVICE", "Reason"]

DOMAIN = "augment.v1"
"""`ErrorInfo.domain` of every refusal."""

SERVICE = "augment.v1.AugmentService"
ADMIN_SERVICE = "augment.v1.AdminService"


class Reason(StrEnum):
    """`ErrorInfo.reason`; a test holds this and `augment.proto` together."""

    UNSPECIFIED = "UNSPECIFIED"
    INVALID_REQUEST = "INVALID_REQUEST"
    INVALID_RECORDS = "INVALID_RECORDS"
    INVALID_ARROW = "INVALID_ARROW"
    MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
    VERSION_NOT_FOUND = "VERSION_NOT_FOUND"
    COLUMN_NOT_FOUND = "COLUMN_NOT_FOUND"
    UNSUPPORTED_OPERATION = "UNSUPPORTED_OPERATION"
    BUNDLE_UNUSABLE = "BUNDLE_UNUSABLE"
    TOO_LARGE = "TOO_LARGE"
    INTERNAL = "INTERNAL"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    NOT_ALLOWED = "NOT_ALLOWED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    ALIAS_NOT_FOUND = "ALIAS_NOT_FOUND"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    OVERLOADED = "OVERLOADED"
    IDLE = "IDLE"
