"""A folder of photos to a folder of clips: models loaded once per worker, no photo stops another."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from effect.errors import UserError
from effect.formats import recipe_for
from effect.memory import peak_memory_mib
from effect.output import check_folder_writable, write_text
from effect.video import is_complete_clip
from pipelines.folder import Task, find_tasks
from pipelines.models import Models
from pipelines.render import vanish
from pipelines.settings import Settings
from pipelines.watch import Watch

SUMMARY_NAME = "summary.json"
MAX_JOBS = 64


@dataclass(frozen=True)
class Outcome:
    """How one photo went: status is "done", "skipped" or "failed"; the error is one line."""

    photo: str
    clip: str
    status: str
    seconds: float = 0.0
    error: str | None = None
    peak_memory_mib: int = 0


def batch(
    folder: Path, output_folder: Path, ending: str, settings: Settings, jobs: int, watch: Watch
) -> dict[str, object]:
    """Render every photo in `folder` and below; returns the summary that is also saved as summary.json.

    `ending` is the clips', one of effect.formats.ENDINGS.
    Raises UserError only for what concerns the whole run: the folders, the preset, the format, the number of jobs.
    """
    if not 1 <= jobs <= MAX_JOBS:
        raise UserError(f"--jobs must be from 1 to {MAX_JOBS}, not {jobs}")
    settings.check()  # a wrong preset is one error, not one for each photo
    recipe_for(ending, settings.encoding)
    tasks = find_tasks(folder, output_folder, ending)
    _make_folder(output_folder)

    waiting = [task for task in tasks if settings.force or not _is_finished(task.clip)]
    outcomes = [Outcome(str(task.photo), str(task.clip), "skipped") for task in tasks if task not in waiting]
    summary = _save_summary(output_folder, outcomes, watch)
    for outcome in watch.progress(_outcomes(waiting, settings, jobs, watch), "photos", "photo", len(waiting)):
        outcomes.append(outcome)
        summary = _save_summary(output_folder, outcomes, watch)
        if outcome.error:
            watch.notice(f"{outcome.photo} failed: {outcome.error}")
    return summary


def render_task(task: Task, settings: Settings, models: Models) -> Outcome:
    """Render one photo; whatever goes wrong with it is its outcome, not the end of the batch."""
    watch = Watch(quiet=True)
    try:
        task.clip.parent.mkdir(parents=True, exist_ok=True)
        vanish(task.photo, task.clip, replace(settings, force=True), models, watch)
    except UserError as error:
        return failed(task, str(error), watch.seconds)
    except Exception as error:  # a fault of ours in one photo must not cost the user the other ones
        return failed(task, f"{type(error).__name__}: {error}".splitlines()[0], watch.seconds)
    seconds = round(watch.seconds, 3)
    return Outcome(str(task.photo), str(task.clip), "done", seconds, peak_memory_mib=peak_memory_mib())


def failed(task: Task, error: str, seconds: float = 0.0) -> Outcome:
    """The outcome of a photo that gave no clip."""
    return Outcome(str(task.photo), str(task.clip), "failed", round(seconds, 3), error, peak_memory_mib())


def _outcomes(tasks: Sequence[Task], settings: Settings, jobs: int, watch: Watch) -> Iterator[Outcome]:
    if min(jobs, len(tasks)) > 1:
        from pipelines.workers import render_apart

        yield from render_apart(tasks, settings, min(jobs, len(tasks)), watch.quiet)
    elif tasks:
        with Models(settings, watch) as models:
            for task in tasks:
                yield render_task(task, settings, models)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder} ({error.strerror}): choose another one") from error
    check_folder_writable(folder)


def _is_finished(clip: Path) -> bool:
    """Clips appear whole, but an .mp4 copied from elsewhere may have been cut off."""
    return clip.is_file() and (clip.suffix not in (".mp4", ".mov") or is_complete_clip(clip))


def _save_summary(folder: Path, outcomes: Sequence[Outcome], watch: Watch) -> dict[str, object]:
    counts = Counter(outcome.status for outcome in outcomes)
    summary: dict[str, object] = {
        "done": counts["done"],
        "skipped": counts["skipped"],
        "failed": counts["failed"],
        "seconds": round(watch.seconds, 3),
        "peak_memory_mib": max([peak_memory_mib(), *(outcome.peak_memory_mib for outcome in outcomes)]),
        "photos": [asdict(outcome) for outcome in sorted(outcomes, key=lambda outcome: outcome.photo)],
    }
    write_text(folder / SUMMARY_NAME, json.dumps(summary, indent=2) + "\n")
    return summary
