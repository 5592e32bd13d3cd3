"""Machine code that is kept: made anew where what a compiled function calls has changed, and not otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CALLED = """
from effect.compiled import compiled

@compiled
def called():
    return {}
"""
CALLER = """
from effect.compiled import compiled
from called import called

@compiled
def caller():
    return 10 * called()
"""
RUN = "from caller import caller; print(caller(), sum(caller.stats.cache_hits.values()))"


def run(folder: Path) -> str:
    paths = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(folder)!r}]; "
    command = [sys.executable, "-B", "-c", paths + RUN]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.strip()


def test_a_caller_is_compiled_anew_where_what_it_calls_has_changed(tmp_path: Path):
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "called.py").write_text(CALLED.format(1))
    assert run(tmp_path) == "10 0"
    assert run(tmp_path) == "10 1"
    (tmp_path / "plain.py").write_text("# nothing compiled")
    assert run(tmp_path) == "10 1"
    (tmp_path / "called.py").write_text(CALLED.format(2))
    assert run(tmp_path) == "20 0"


def test_code_is_kept_for_this_process_where_nothing_can_be_written(tmp_path: Path):
    (tmp_path / "called.py").write_text(CALLED.format(3))
    code = f"""if True:
        import sys
        sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]
        from numba.core import caching
        caching.CompileResultCacheImpl._locator_classes = [caching.UserProvidedCacheLocator]
        from called import called
        print(called())
    """
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "3\n", done.stderr


def test_people_are_found_without_compiled_code():
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        sys.modules["numba"] = None
        import effect.inpaint.gated, effect.inpaint.strands, effect.segment.hole, effect.segment.matting
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
