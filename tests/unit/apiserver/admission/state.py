"""A cluster's state in a dictionary, and the way a request goes through plugins."""

import asyncio
import copy
import random

from wherry.api import scheme
from wherry.apiserver.admission import chain
from wherry.apiserver.admission.settings import AdmissionSettings
from wherry.apiserver.attributes import Attributes, RequestInfo, User
from wherry.component import Env


class State:
    def __init__(self, **objects):
        self.objects = {resource.replace("_", "."): list(found) for resource, found in objects.items()}

    def get(self, resource, name, namespace=""):
        for obj in self.objects.get(resource, ()):
            metadata = obj["metadata"]
            if metadata["name"] == name and metadata.get("namespace", "") == namespace:
                return obj
        return None

    def list(self, resource, namespace=""):
        found = self.objects.get(resource, [])
        return [o for o in found if not namespace or o["metadata"].get("namespace") == namespace]

    def put(self, resource, obj):
        self.objects.setdefault(resource, []).append(obj)


def named(name, namespace="", **fields):
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    metadata.update(fields.pop("metadata", {}))
    return {"metadata": metadata, **fields}


class Admission:
    """`admit` runs every plugin that handles the request; gives back the object and the completion."""

    def __init__(self, state, seed=1, only=(), **settings):
        self.state = state
        made = chain.plugins(state, Env(rng=random.Random(seed)), AdmissionSettings(**settings))
        self.plugins = [p for p in made if not only or p.name in only]

    def admit(
        self, resource, obj, old=None, namespace="default", operation="", subresource="", dry_run=False
    ):
        res = scheme.resource(resource)
        obj = copy.deepcopy(obj)
        name = (obj or old or {}).get("metadata", {}).get("name", "")
        operation = operation or ("UPDATE" if old else "CREATE")
        info = RequestInfo(operation.lower(), "", True, res.group, res.version, res.name, subresource)
        namespace = namespace if res.namespaced else ""
        info = RequestInfo(
            info.verb, "", True, res.group, res.version, res.name, subresource, namespace, name
        )
        attributes = Attributes(operation, info, res, User("me"), obj, old, dry_run)
        finishes = []

        async def run():
            chosen = [p for p in self.plugins if p.handles(res, subresource, operation)]
            finishes.extend([await plugin.admit(attributes) for plugin in chosen])
            for plugin in chosen:
                await plugin.validate(attributes)

        asyncio.run(run())

        def conclude(stored):
            for finish in filter(None, finishes):
                finish(stored)

        return obj, conclude
