"""Holds the manifests of this folder against the schemas of Kubernetes, the Training Operator, the Trainer and JobSet, and what shake reads in a pod against the rest.

The schemas come from what their projects publish on PyPI: Kubernetes' own as JSON, the others as classes that were made from their OpenAPI documents. Unknown keys are
errors. `check.py --mutants` changes every key and value in turn, and counts the changes that no schema sees.
"""

import copy
import pathlib
import re
import sys

import jsonschema
import kubernetes.client
import kubernetes_validate
import yaml
from kubeflow.training import models as training
from kubeflow_trainer_api import models as trainer

FOLDER = pathlib.Path(__file__).parent


def closed(schema):
    """The JSON schema of a pydantic model, without room for other keys."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
        for value in schema.values():
            closed(value)
    elif isinstance(schema, list):
        for value in schema:
            closed(value)
    return schema


def pydantic(model):
    schema = closed(model.model_json_schema(by_alias=True))
    # The classes of these two hold any of several types, which JSON writes without a wrapper.
    for name in "IoK8sApimachineryPkgApiResourceQuantity", "IoK8sApimachineryPkgUtilIntstrIntOrString":
        if name in schema["$defs"]:
            schema["$defs"][name] = {"type": ["string", "integer"]}
    return schema


def openapi(name, definitions):
    """The JSON schema of a type that an OpenAPI generator names."""
    simple = {"Quantity": "string", "str": "string", "int": "integer", "float": "number", "bool": "boolean", "object": "object", "datetime": "string"}
    if name in simple:
        return {"type": simple[name]}
    if m := re.fullmatch(r"list\[(.*)\]", name):
        return {"type": "array", "items": openapi(m[1], definitions)}
    if m := re.fullmatch(r"dict\(str, (.*)\)", name):
        return {"type": "object", "additionalProperties": openapi(m[1], definitions)}
    if name not in definitions:
        # Kubernetes' own types have two spellings.
        plain = re.sub("^K8sIo(Api|Apimachinery)[A-Z][a-z]+V", "V", name)
        model = getattr(training, name, None) or getattr(kubernetes.client, name, None) or getattr(kubernetes.client, plain)
        definitions[name] = {}
        properties = {model.attribute_map[a]: openapi(t, definitions) for a, t in model.openapi_types.items()}
        definitions[name] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"$ref": "#/$defs/" + name}


def pytorchjob():
    definitions = {}
    root = openapi("KubeflowOrgV1PyTorchJob", definitions)
    # A quantity, such as nvidia.com/gpu: 1, may be a number.
    definitions["V1ResourceRequirements"]["properties"]["limits"]["additionalProperties"] = {"type": ["string", "integer"]}
    return {**root, "$defs": definitions}


SCHEMAS = {  # made when they are needed
    ("kubeflow.org/v1", "PyTorchJob"): pytorchjob,
    ("trainer.kubeflow.org/v1alpha1", "TrainJob"): lambda: pydantic(trainer.TrainerV1alpha1TrainJob),
    ("jobset.x-k8s.io/v1alpha2", "JobSet"): lambda: pydantic(trainer.JobsetV1alpha2JobSet),
}


def against_schema(doc):
    """Raises an error if a manifest is not what its kind takes."""
    kind = doc["apiVersion"], doc["kind"]
    if callable(SCHEMAS.get(kind)):
        SCHEMAS[kind] = jsonschema.Draft202012Validator(SCHEMAS[kind]())
    if kind in SCHEMAS:
        SCHEMAS[kind].validate(doc)
        for template in pods(doc):
            kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, **template}, kubernetes_validate.latest_version(), strict=True)
    else:
        kubernetes_validate.validate(doc, kubernetes_validate.latest_version(), strict=True)


def pods(doc):
    """The whole pod templates in a manifest: those with a container that names its image."""
    if isinstance(doc, dict):
        containers = (doc.get("spec") or {}).get("containers") if isinstance(doc.get("spec"), dict) else None
        if containers and all("image" in c for c in containers):
            yield {"spec": doc["spec"]}
        for value in doc.values():
            yield from pods(value)
    elif isinstance(doc, list):
        for value in doc:
            yield from pods(value)


def env(container):
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container["env"]}


def expect(what, have, want):
    if have != want:
        raise ValueError(f"{what} is {have!r}, want {want!r}")


def sweep(doc):
    job = doc["spec"]
    expect("completionMode", job["completionMode"], "Indexed")
    for c in job["template"]["spec"]["containers"]:
        expect("JOB_COMPLETIONS", env(c).get("JOB_COMPLETIONS"), str(job["completions"]))


def one_card(c, resources):
    """What every rank of a run needs."""
    expect("cards", resources["limits"]["nvidia.com/gpu"], 1)
    expect("SHAKE_SECRET", env(c).get("SHAKE_SECRET"), {"secretKeyRef": {"name": "shake", "key": "secret"}})


def pytorch(doc):
    specs = doc["spec"]["pytorchReplicaSpecs"]
    expect("nprocPerNode", doc["spec"]["nprocPerNode"], "1")
    expect("masters", specs["Master"]["replicas"], 1)
    for spec in specs.values():
        (c,) = spec["template"]["spec"]["containers"]
        expect("the container", c["name"], "pytorch")
        one_card(c, c["resources"])


def trainjob(doc):
    t = doc["spec"]["trainer"]
    expect("numProcPerNode", t["numProcPerNode"], 1)
    one_card(t, t["resourcesPerNode"])


def jobset(doc):
    (ranks,) = doc["spec"]["replicatedJobs"]
    job = ranks["template"]["spec"]
    (c,) = job["template"]["spec"]["containers"]
    expect("jobs", ranks["replicas"], 1)
    expect("completionMode", job["completionMode"], "Indexed")
    expect("parallelism", job["parallelism"], job["completions"])
    expect("SHAKE_WORLD", env(c).get("SHAKE_WORLD"), str(job["completions"]))
    network = doc["spec"]["network"]
    expect("enableDNSHostnames", network["enableDNSHostnames"], True)
    expect("SHAKE_ADDRESS", env(c).get("SHAKE_ADDRESS"), f"{doc['metadata']['name']}-{ranks['name']}-0-0.{network['subdomain']}")
    one_card(c, c["resources"])


FILES = {"sweep-job.yaml": sweep, "run-pytorchjob.yaml": pytorch, "run-trainjob.yaml": trainjob, "run-jobset.yaml": jobset}


def mutants(doc):
    """Copies of a manifest with one key misspelt, or one value of another type."""
    def walk(node, path):
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in list(items):
            yield path, key
            yield from walk(value, path + [key])

    for path, key in walk(doc, []):
        for how in ("key", "value"):
            m = copy.deepcopy(doc)
            at = m
            for p in path:
                at = at[p]
            if how == "value":
                at[key] = [[0]]
            elif isinstance(key, str):
                at[key + "X"] = at.pop(key)
            else:
                continue
            yield "/".join(map(str, path + [key])) + f" ({how})", m


def main():
    for name, special in FILES.items():
        doc = yaml.safe_load((FOLDER / name).read_text())
        try:
            against_schema(doc)
            special(doc)
        except Exception as e:
            sys.exit(f"{FOLDER / name}: {e}")
        print(f"{name}: valid")
        if "--mutants" not in sys.argv:
            continue
        missed, n = [], 0
        for what, m in mutants(doc):
            n += 1
            try:
                against_schema(m)
                special(m)
                missed.append(what)
            except Exception:
                pass
        print(f"{name}: {n - len(missed)} of {n} changes are refused; not: {', '.join(missed) or 'none'}")


main()
