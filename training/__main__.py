"""The command line: ``python -m training --help``."""

import argparse
import json
import sys
import textwrap
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from training import recipes
from training.config import JobConfig, canonical_json, describe_errors
from training.plan import plan


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train and measure classifiers of images and texts from declared configurations.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser(
        "run",
        help="run the job in a folder, or resume it",
        description="Reads RUN_DIR/job.json and writes events.jsonl, log.txt, checkpoint/ and the "
        "results beside it; result.json comes last. Exit status: 0 succeeded, 3 cancelled by "
        "SIGTERM, 2 refused or failed for a named reason, 1 crashed.",
    )
    one.add_argument("folder", metavar="RUN_DIR", type=Path)
    one.set_defaults(command=_run)

    one = commands.add_parser("rank", help="be one of the processes of a run on several devices")
    one.add_argument("folder", metavar="RUN_DIR", type=Path)
    one.set_defaults(command=_rank)

    one = commands.add_parser(
        "plan",
        help="say what a configuration costs, without running it",
        description="Prints layers, parameters, operations, memory and steps as JSON.",
    )
    one.add_argument("config", metavar="CONFIG", help="a JSON file, or - for standard input")
    one.add_argument("--classes", type=int, required=True, metavar="N")
    one.add_argument("--train", type=int, required=True, metavar="N", help="training samples")
    one.add_argument("--validation", type=int, default=0, metavar="N", help="validation samples")
    one.add_argument("--test", type=int, default=0, metavar="N", help="test samples")
    one.set_defaults(command=_plan)

    one = commands.add_parser("recipes", help="list the named configurations")
    one.set_defaults(command=_recipes)

    one = commands.add_parser(
        "recipe",
        help="print a named configuration",
        description="Prints the whole configuration as JSON, every default resolved.",
    )
    one.add_argument("name", metavar="NAME")
    one.set_defaults(command=_recipe)

    one = commands.add_parser("schema", help="print the JSON Schema of a configuration")
    one.set_defaults(command=_schema)

    one = commands.add_parser("default", help="print the default configuration")
    one.set_defaults(command=_default)

    one = commands.add_parser(
        "spawner",
        help="load torch once, then fork runs on request",
        description="JSON lines on standard input and output; see training/spawner.py.",
    )
    one.set_defaults(command=_spawner)
    return parser


def _run(options: argparse.Namespace) -> int:
    if not options.folder.is_dir():
        print(f"{options.folder} is not a folder", file=sys.stderr)
        return 2
    from training.run import main as run  # noqa: PLC0415 (loads torch, which the others spare)

    return run(options.folder.resolve())


def _rank(options: argparse.Namespace) -> int:
    from training.run import rank  # noqa: PLC0415 (loads torch, which the others spare)

    return rank(options.folder)


def _plan(options: argparse.Namespace) -> int:
    text = sys.stdin.read() if options.config == "-" else Path(options.config).read_text()
    try:
        config = JobConfig.model_validate_json(text)
        found = plan(
            config,
            classes=options.classes,
            train_samples=options.train,
            validation_samples=options.validation,
            test_samples=options.test,
        )
    except ValidationError as error:
        for field, sentences in describe_errors(error).items():
            print(f"{field}: {' '.join(sentences)}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(asdict(found), indent=1))
    return 0


def _recipes(_options: argparse.Namespace) -> int:
    for name in recipes.names():
        recipe = recipes.read(name)
        print(f"{name}: {recipe.title}")
        print(textwrap.fill(recipe.about, initial_indent="    ", subsequent_indent="    "))
    return 0


def _recipe(options: argparse.Namespace) -> int:
    try:
        recipe = recipes.read(options.name)
    except KeyError:
        print(f"no such recipe; there are {', '.join(recipes.names())}", file=sys.stderr)
        return 2
    print(json.dumps(json.loads(canonical_json(recipe.config)), indent=1))
    return 0


def _schema(_options: argparse.Namespace) -> int:
    print(json.dumps(JobConfig.model_json_schema(), indent=1))
    return 0


def _default(_options: argparse.Namespace) -> int:
    print(json.dumps(json.loads(canonical_json(JobConfig())), indent=1))
    return 0


def _spawner(_options: argparse.Namespace) -> int:
    from training.spawner import main as spawn  # noqa: PLC0415 (Linux only; the others are not)

    return spawn()


if __name__ == "__main__":
    sys.exit(main())
