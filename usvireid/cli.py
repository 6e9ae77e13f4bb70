"""The command line: thin. It reads options and calls the library.

Imports of the library stand inside the commands, so that `--help` does not wait for PyTorch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from usvireid import __version__
from usvireid.ending import run_to_the_end

app = typer.Typer(
    name="usvireid",
    help="Visible-infrared person re-identification from unlabelled camera footage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Look at a data folder.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")
encoder_app = typer.Typer(help="Look at an encoder.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(encoder_app, name="encoder")
footage_app = typer.Typer(help="Make crops of recordings.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(footage_app, name="footage")

DataArgument = Annotated[
    Path, typer.Argument(metavar="DATA", help="Folder with visible/ and infrared/, a manifest, or a benchmark.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]
DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")]
ConfigOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Settings: a name (`usvireid configs`) or a YAML file; repeatable, later ones win.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for machines.")]


def _version(show: bool) -> None:
    if show:
        print(f"usvireid {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    data: Annotated[
        Path | None, typer.Argument(metavar="DATA", help="Folder with visible/ and infrared/, or a manifest.")
    ] = None,
    config: ConfigOption = None,
    pipeline: Annotated[str | None, typer.Option(help="Recipe: a name (`usvireid pipelines`) or a .py file.")] = None,
    stage: Annotated[str | None, typer.Option(help="What to do, of cluster,train,evaluate,report.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/NAME.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs in all.")] = None,
    batch: Annotated[
        str | None, typer.Option(metavar="N|auto", help="Crops on the device at a time; auto: as many as fit.")
    ] = None,
    device: DeviceOption = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse unreadable images.")] = False,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting; repeatable.")
    ] = None,
    trials: Annotated[
        str | None, typer.Option(help="RegDB: one run for each of these trials, 1-10 or 1,3,5, and their mean.")
    ] = None,
) -> None:
    """Train on unlabelled crops; the same command goes on where an interrupted one stopped."""
    from usvireid.display import Display
    from usvireid.processes import joined
    from usvireid.run import begin
    from usvireid.together import execute, follow
    from usvireid.trials import parse_trials, run_trials

    options: dict[str, Any] = {
        "pipeline": pipeline,
        "stages": _listed(stage),
        "training.epochs": epochs,
        "training.batch": batch,
        "device": device,
        "seed": seed,
        "data.strict": strict or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    with joined() as group:
        if not group.leads:
            follow(group)
        elif trials is None:
            execute(begin(data, config, out, given, assign or []), Display())
        else:
            run_trials(parse_trials(trials), data, config, out, given, assign or [], Display())


@app.command()
def evaluate(
    run_folder: RunArgument,
    data: Annotated[Path | None, typer.Argument(metavar="DATA", help="Other data than the run's own.")] = None,
    exclude: Annotated[
        str | None,
        typer.Option(help="Drop gallery crops that share all these columns with the query: camera,frame,..."),
    ] = None,
    min_frame_gap: Annotated[
        int | None, typer.Option(help="Drop gallery crops of the query's camera nearer than this many frames.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="auto, own, sysu-mm01, regdb or llcm.")] = None,
    shots: Annotated[str | None, typer.Option(help="SYSU-MM01: single, multi or single,multi.")] = None,
    rerank: Annotated[
        bool | None, typer.Option("--rerank/--no-rerank", help="Also score re-ranked distances, as rows of their own.")
    ] = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score the encoder of a run by the protocol of its data: Rank-k, mAP and mINP."""
    from usvireid.display import Display
    from usvireid.evaluate import evaluate_run

    rules = {
        "exclude": _listed(exclude),
        "min_frame_gap": min_frame_gap,
        "protocol": protocol,
        "shots": _listed(shots),
        "rerank": rerank,
    }
    display = Display()
    evaluation, selection = evaluate_run(run_folder, data, rules, device, display)
    if as_json:
        found = {"fingerprints": evaluation.fingerprints_dict(), "selection": selection and selection.to_dict()}
        print(json.dumps({**evaluation.to_dict(), **found}))
    else:
        title = "Retrieval, in percent"
        display.result(evaluation.table(f"{title} ({selection.label})" if selection else title))


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, or folders of trials.")],
    form: Annotated[str, typer.Option("--format", help="table, markdown, latex or json.")] = "table",
    published: Annotated[
        bool, typer.Option("--published", help="Add published figures for the benchmark, marked as such.")
    ] = False,
) -> None:
    """Put runs side by side: scores with spread, settings that differ, a table for a paper."""
    from usvireid.comparison.compare import compare as compare_runs
    from usvireid.comparison.show import show
    from usvireid.display import Display

    show(compare_runs(runs, published), form, Display())


@app.command()
def report(
    run_folder: RunArgument,
    images: Annotated[
        bool | None, typer.Option("--images/--no-images", help="With pictures of crops, or without any, for sharing.")
    ] = None,
    blur_faces: Annotated[
        bool | None, typer.Option("--blur-faces/--no-blur-faces", help="Blur the head region of every picture.")
    ] = None,
) -> None:
    """Write the report of a run anew."""
    from usvireid.display import Display
    from usvireid.report import report_run

    report_run(run_folder, Display(), images, blur_faces)


@app.command()
def review(
    run_folder: RunArgument,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="To listen on; 0: the last one of this run, or any that is free.")
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many questions.")] = 300,
    features: Annotated[
        bool, typer.Option("--features/--no-features", help="Extract features; without, what the labels say counts.")
    ] = True,
    device: DeviceOption = None,
) -> None:
    """Look through the most doubtful labels of a run on a page of this machine, and say what is right."""
    from usvireid.display import Display
    from usvireid.review.serve import review_run

    review_run(run_folder, port=port, browser=browser, top=top, features=features, device=device, display=Display())


@app.command()
def export(
    run_folder: RunArgument,
    to: Annotated[str, typer.Option(metavar="onnx|safetensors", help="What to write.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write; default: in the run folder.")] = None,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror", help="onnx: average with the mirror image, as evaluation does; default on."
        ),
    ] = None,
) -> None:
    """Write the encoder of a run for other programs: an ONNX file per modality, or its weights."""
    from usvireid.display import Display
    from usvireid.export import export_run

    for path in export_run(run_folder, to, out, mirror, Display()):
        print(path)


@app.command()
def explain(
    run_folder: RunArgument,
    crops: Annotated[
        str, typer.Option(metavar="PATH,...|N|FILE.txt", help="Which: their paths, how many at random, or a list.")
    ] = "8",
    out: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Default: RUN/explain.png.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the random choice; default: the run's.")] = None,
    device: DeviceOption = None,
) -> None:
    """Draw where the encoder of a run looks: a PNG sheet of crops, maps over them, and MPFR's masks."""
    from usvireid.display import Display
    from usvireid.explain import explain_run

    print(explain_run(run_folder, crops, out, seed, device, Display()))


@app.command("index")
def make_index(
    run_folder: RunArgument,
    data: Annotated[
        Path | None, typer.Argument(metavar="DATA", help="Crops to make searchable; default: those of the run.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="INDEX", help="Folder to write.")],
    device: DeviceOption = None,
) -> None:
    """Make crops searchable: a folder that needs neither the run nor the data any more."""
    from usvireid.display import Display
    from usvireid.search.build import index_run
    from usvireid.search.command import say_index

    display = Display()
    say_index(index_run(run_folder, data, out, device, display), display)


@app.command()
def search(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="Folder that `usvireid index` wrote.")],
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="An image, VIDEO:TIME (12.5 or 1:05), a crop's path or a track.")
    ],
    modality: Annotated[str, typer.Option(help="What to search: visible, infrared or any.")] = "any",
    top: Annotated[int, typer.Option(help="Tracklets to show.")] = 20,
    false_match_rate: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Mark what is above the threshold that lets so many through.")
    ] = None,
    query_modality: Annotated[str, typer.Option(help="Of the image: visible, infrared or auto, by its colours.")] = (
        "auto"
    ),
    box: Annotated[
        str | None, typer.Option(metavar="LEFT,TOP,WIDTH,HEIGHT", help="VIDEO:TIME: the person, pixels of the frame.")
    ] = None,
    detector: Annotated[
        str, typer.Option(help="VIDEO:TIME without --box: motion, hog, onnx:FILE or boxes:FILE.")
    ] = "motion",
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also write the result as a page.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Find a person again: tracklets of all cameras, the most alike first, across visible and infrared."""
    from usvireid.display import Display
    from usvireid.search.command import search_index, show_found

    display = Display()
    found = search_index(
        index,
        query,
        modality=modality,
        top=top,
        rate=false_match_rate,
        query_modality=query_modality,
        box=box,
        detector=detector,
        device=device,
        report=report,
        display=display,
    )
    if as_json:
        print(json.dumps(found.to_dict()))
    else:
        show_found(found, display)


@app.command()
def doubts(
    run_folder: RunArgument,
    top: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    kind: Annotated[str, typer.Option(metavar="cluster,link,crop", help="Which kinds.")] = "cluster,link,crop",
    by: Annotated[
        Literal["score", "gain"],
        typer.Option(help="score: the chance of being wrong; gain: the crops that an answer would put right."),
    ] = "score",
    features: Annotated[
        bool, typer.Option("--features/--no-features", help="Extract features; without, what the labels say counts.")
    ] = True,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is most doubtful about the newest labels of a run, with the reason."""
    from usvireid.display import Display
    from usvireid.doubts import doubts_dict, doubts_text, examine_run, parse_kinds

    kinds, display = parse_kinds(kind), Display()
    examined = examine_run(run_folder, display, device, features)
    found = examined.doubts(kinds=kinds, top=top, order=by)
    if as_json:
        print(json.dumps(doubts_dict(found, examined.data.crops)))
    else:
        text = doubts_text(found, examined.data.crops) or "nothing is doubtful"
        display.output.print(text, markup=False, soft_wrap=True)


@app.command()
def demo(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")],
    people: Annotated[int, typer.Option(min=10, max=100_000, help="Number of people.")] = 150,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds, other people.")] = 0,
) -> None:
    """Write the demo data set: drawn people, seen by day and by night cameras."""
    from usvireid.data.sources.demo.generate import write_demo
    from usvireid.display import Display

    display = Display()
    with display.counted("drawing") as progress:
        table = write_demo(out, people, seed, progress=progress)
    display.say(
        f"{out}: {len(table):,} crops of {people:,} people; train on them with `usvireid run {out} --config demo`"
    )


@data_app.command("check")
def data_check(
    data: DataArgument,
    form: Annotated[
        str, typer.Option("--format", help="auto, own (folder or manifest), sysu-mm01, regdb or llcm.")
    ] = "auto",
    trial: Annotated[int, typer.Option(min=1, max=10, help="Which of RegDB's trials.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Say what is in a data folder and what is wrong with it; exit code 1 when something is."""
    from usvireid.data.check import check
    from usvireid.data.check_tables import render
    from usvireid.display import Display

    display = Display()
    with display.counted("reading images") as progress:
        found = check(data, layout=form, trial=trial, progress=progress)
    if as_json:
        print(json.dumps(found.to_dict()))
    else:
        render(found, display.output)
    if not found.ok:
        raise typer.Exit(1)


@footage_app.command("ingest")
def footage_ingest(
    videos: Annotated[
        list[str], typer.Argument(metavar="VIDEO...", help="Recordings, patterns, or a YAML file that lists cameras.")
    ],
    out: Annotated[Path, typer.Option(metavar="DATA", help="Data folder to write, or to add to.")],
    camera: Annotated[str | None, typer.Option(metavar="NAME", help="The camera that took them.")] = None,
    modality: Annotated[str | None, typer.Option(help="visible, infrared or auto; default auto.")] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the first begins, such as 2026-03-01T08:00:00.")
    ] = None,
    region: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Mask, white where people are looked for.")
    ] = None,
    rig: Annotated[
        str | None, typer.Option(metavar="NAME", help="The pair of aligned sensors that the camera is one of.")
    ] = None,
    detector: Annotated[str | None, typer.Option(help="motion, hog, onnx:FILE or boxes:FILE.")] = None,
    crops: Annotated[int | None, typer.Option(help="Of a track, at most.")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting of an ingest; repeatable.")
    ] = None,
    redo: Annotated[bool, typer.Option("--redo", help="Take recordings anew that are there already.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse files that are no videos.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find people in recordings, follow them, and write a few crops of each into a data folder."""
    from usvireid.footage.requirements import refuse_missing

    refuse_missing()
    from usvireid.display import Display
    from usvireid.footage.cameras import recordings_of
    from usvireid.footage.ingest import ingest
    from usvireid.footage.summary import show
    from usvireid.footage.tools import own_tools
    from usvireid.layers import merge, nested, parse_assignment

    told = {"name": camera, "modality": modality, "start": start, "region": region and str(region), "rig": rig}
    settings: dict[str, Any] = {}
    for name, value in {"detector": detector, "choosing.crops": crops}.items():
        settings = settings if value is None else merge(settings, nested(name, value))
    for text in assign or []:
        settings = merge(settings, parse_assignment(text))
    recordings = recordings_of(videos, {key: value for key, value in told.items() if value is not None}, settings)
    display = Display()
    ingested = ingest(recordings, out, display, own_tools(), redo=redo, strict=strict)
    if as_json:
        print(json.dumps(ingested.to_dict()))
    else:
        show(ingested, display)


@encoder_app.command("summary")
def encoder_summary(
    config: ConfigOption = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting; repeatable.")
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="HxW", help="Input size, pixels.")] = None,
    speed: Annotated[bool, typer.Option("--speed/--no-speed", help="Measure img/s on this machine.")] = True,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Crops of each modality at a time when speed is measured.")
    ] = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what an encoder costs: parameters, multiply-adds and activations by part, and img/s on this machine."""
    from usvireid.display import Display
    from usvireid.inspection import inspect_encoder

    counted, measured = inspect_encoder(config, assign or [], size, device, speed, batch)
    if as_json:
        print(json.dumps({**counted.to_dict(), "speed": measured and measured.to_dict()}))
        return
    display = Display()
    display.result(counted.table())
    if measured is not None:
        display.output.print(str(measured))


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what usvireid finds on this machine, and try every k-NN back end; exit code 1 when something is broken."""
    from usvireid.display import Display
    from usvireid.doctor import examine

    display = Display()
    found = examine()
    if as_json:
        print(json.dumps(found.to_dict()))
    else:
        found.show(display.output)
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def pipelines() -> None:
    """List the recipes."""
    _list("pipelines")


@app.command()
def configs(
    defaults: Annotated[bool, typer.Option("--defaults", help="Print every setting with its default instead.")] = False,
) -> None:
    """List the settings files."""
    if defaults:
        from usvireid.layers import described_defaults

        print(described_defaults(), end="")
    else:
        _list("configs")


@app.command()
def copy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A recipe or a settings file.")],
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
) -> None:
    """Copy a recipe or a settings file, to be changed."""
    from usvireid.resources import copy_out

    print(copy_out(name, target))


def _listed(text: str | None) -> list[str] | None:
    """The names of an option that takes several, separated by commas; None where it is not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _list(kind: str) -> None:
    from usvireid.resources import available

    found = available(kind)
    width = max(map(len, found), default=0)
    for name, summary in found.items():
        print(f"{name:{width}}  {summary}")


def main() -> None:
    """Run the command line; see `usvireid.ending`."""
    run_to_the_end(app)


if __name__ == "__main__":
    main()
