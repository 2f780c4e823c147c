"""Holds sweep-job.yaml against the schema of Kubernetes, and its pods' JOB_COMPLETIONS against the job's completions."""

import pathlib
import sys

import kubernetes_validate
import yaml

file = pathlib.Path(__file__).with_name("sweep-job.yaml")
job = yaml.safe_load(file.read_text())
kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)

completions = job["spec"]["completions"]
for container in job["spec"]["template"]["spec"]["containers"]:
    have = {e["name"]: e.get("value") for e in container["env"]}.get("JOB_COMPLETIONS")
    if have != str(completions):
        sys.exit(f"{file}: JOB_COMPLETIONS is {have!r}, the job has {completions} completions")
if job["spec"]["completionMode"] != "Indexed":
    sys.exit(f"{file}: the job is not indexed")
print(f"{file.name}: valid")
