"""The usual way to a container per call: a small web application that runs one by the Docker client.

uvicorn container_per_call:app; DOCKER_HOST names the engine, RUNTIME its runtime.
"""
import os

import docker
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

CODE = 'def handler(event, context):\n    return "Hello, World!"\nprint(handler(None, None), end="")'

app = FastAPI()
client = docker.from_env(timeout=60)


@app.get("/", response_class=PlainTextResponse)
def call() -> str:
    output = client.containers.run(
        "cloche-python:current", ["python3", "-c", CODE], runtime=os.environ["RUNTIME"],
        network_mode="none", mem_limit="128m", remove=True,
        log_config=docker.types.LogConfig(type="json-file"))
    return output.decode()
