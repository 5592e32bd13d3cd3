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


def test_kept_code_for_a_class_that_is_gone_is_forgotten(tmp_path: Path):
    code = """if True:
        from typing import NamedTuple
        from effect.compiled import compiled

        class {0}(NamedTuple):
            value: int

        @compiled
        def caller(given={0}(7)):
            return given.value
    """
    for name in ("Old", "New"):
        (tmp_path / "caller.py").write_text(code.format(name))
        assert run(tmp_path) == "7 0"


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
        import effect.inpaint.gated, effect.inpaint.strands, effect.segment.hole
        from effect.errors import UserError
        from effect.segment.matting import refine
        import numpy as np
        grey, half = np.full((20, 20, 3), 99, np.uint8), np.tri(20, dtype=np.float32)
        print(refine(grey, half, "fast").mean())
        try:
            refine(grey, half)
        except UserError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    alpha, fault = done.stdout.splitlines()
    assert 0.4 < float(alpha) < 0.6 and "take --edges fast" in fault, done.stderr


def test_no_linear_algebra_is_loaded_but_for_who_compiles_some():
    script = (
        "import sys, numba, numpy as np, effect.compiled\n"
        "print([name for name in sys.modules if name.startswith('scipy.linalg')])\n"
        "print(numba.njit(lambda a: np.dot(a, a))(2 * np.eye(2)).tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.splitlines() == ["[]", "[[4.0, 0.0], [0.0, 4.0]]"], done.stderr
