"""A client as one writes it for wadm, by its API's documentation alone: subjects, requests, and answers read as wadm's
own client reads them. A field that is missing or of another type, and a word that wadm does not have, is an error.

    wadm = WadmClient(Bus(4222), "default")
    put = wadm.put(manifest)
    wadm.deploy(put["name"], put["current_version"])
"""

import json


class NotWadm(Exception):
    """An answer that wadm's client could not have read."""


class Optional:
    def __init__(self, shape):
        self.shape = shape


class Word:
    def __init__(self, *words):
        self.words = words


STATUS_TYPE = Word("waiting", "undeployed", "reconciling", "deployed", "failed", "unhealthy")
INFO = {"type": STATUS_TYPE, "message": Optional(str)}
STATUS = {"status": INFO, "scalers": Optional([{"id": Optional(str), "kind": str, "name": str, "status": INFO}])}
GET_RESULT = Word("error", "success", "notfound")
SUMMARY = {
    "name": str, "version": str, "description": Optional(str), "deployed_version": Optional(str),
    "detailed_status": STATUS, "status": STATUS_TYPE, "status_message": Optional(str),
}  # fmt: skip
PUT = {
    "result": Word("error", "created", "newversion"), "message": Optional(str), "name": Optional(str),
    "total_versions": Optional(int), "current_version": Optional(str),
}  # fmt: skip
GET_ALL = {"result": GET_RESULT, "message": str, "models": [SUMMARY]}
GET = {"result": GET_RESULT, "message": str, "manifest": Optional(dict)}
VERSIONS = {"result": GET_RESULT, "message": str, "versions": [{"version": str, "deployed": bool}]}
DEPLOY = {"result": Word("error", "acknowledged", "notfound"), "message": str, "name": Optional(str), "version": Optional(str)}
DELETE = {"result": Word("deleted", "error", "noop"), "message": Optional(str), "undeploy": Optional(bool)}
STATUS_OF = {"result": Word("error", "ok", "notfound"), "message": str, "status": Optional(STATUS)}


def read(value, shape, path):
    """Fields that the shape does not name are left out, as every client of wadm leaves them out."""
    if isinstance(shape, Optional):
        return None if value is None else read(value, shape.shape, path)
    if isinstance(shape, Word):
        if value not in shape.words:
            raise NotWadm(f"{path} is {value!r}, and wadm has {shape.words}")
        return value
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise NotWadm(f"{path} is no list: {value!r}")
        return [read(each, shape[0], f"{path}[{index}]") for index, each in enumerate(value)]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise NotWadm(f"{path} is no object: {value!r}")
        for name, inner in shape.items():
            if name not in value and not isinstance(inner, Optional):
                raise NotWadm(f"{path} has no {name}: {value!r}")
        return {name: read(value.get(name), inner, f"{path}.{name}") for name, inner in shape.items()}
    if not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
        raise NotWadm(f"{path} is no {shape.__name__}: {value!r}")
    return value


class WadmClient:
    def __init__(self, bus, lattice):
        self.bus, self.lattice = bus, lattice

    def ask(self, operation, shape, name="", body="", headers=None):
        subject = f"wadm.api.{self.lattice}.model.{operation}" + (f".{name}" if name else "")
        text = self.bus.request(subject, body, headers)
        try:
            return read(json.loads(text), shape, operation)
        except ValueError:
            raise NotWadm(f"{operation} was answered with {text!r}") from None

    def put(self, manifest, content_type=None):
        return self.ask("put", PUT, "", manifest, {"Content-Type": content_type} if content_type else None)

    def models(self):
        return self.ask("get", GET_ALL)

    def list(self):
        return self.ask("list", [SUMMARY])

    def get(self, name, version=None):
        return self.ask("get", GET, name, json.dumps({"version": version}))

    def versions(self, name):
        return self.ask("versions", VERSIONS, name)

    def deploy(self, name, version=None):
        return self.ask("deploy", DEPLOY, name, json.dumps({"version": version}) if version else "")

    def undeploy(self, name):
        return self.ask("undeploy", DEPLOY, name, "{}")

    def delete(self, name, version=None):
        return self.ask("del", DELETE, name, json.dumps({"version": version}))

    def status(self, name):
        return self.ask("status", STATUS_OF, name)

    def told(self, name):
        """The statuses that were told of it, the oldest first; after subscribe("wadm.status.LATTICE.>")."""
        subject = f"wadm.status.{self.lattice}.{name}"
        return [read(json.loads(text), STATUS, subject) for where, text in self.bus.heard if where == subject]
