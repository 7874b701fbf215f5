"""What others need to check our service-account tokens: the issuer's discovery document and its keys."""

from __future__ import annotations

import json
from typing import Any

from wherry.apiserver.auth.keys import KeyRing, PublicKey


def configuration(issuer: str, jwks_uri: str, keys: KeyRing) -> dict[str, Any]:
    """/.well-known/openid-configuration"""
    return {
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted({key.algorithm for key in keys.verifying().values()}),
    }


def jwks(keys: KeyRing) -> dict[str, Any]:
    """/openid/v1/jwks"""
    return {"keys": [_jwk(key) for key in keys.verifying().values()]}


def _jwk(key: PublicKey) -> dict[str, Any]:
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm

    algorithm = RSAAlgorithm if key.algorithm.startswith("RS") else ECAlgorithm
    fields: dict[str, Any] = json.loads(algorithm.to_jwk(key.key))
    fields.pop("key_ops", None)
    return {"use": "sig", "kid": key.id, "alg": key.algorithm} | fields
