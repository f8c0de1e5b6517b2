"""`tunewise schema`: what editors need to complete and check study files."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of study files.

    Editors that know YAML complete keys and mark errors with it: name it in a first line such as
    `# yaml-language-server: $schema=study.schema.json`.

    **Examples**

    - `tunewise schema > study.schema.json`
    """
    import json

    import typer

    from tunewise.study.file import schema_of_study_files

    typer.echo(json.dumps(schema_of_study_files(), indent=1))
