"""A chapter in a real JupyterLab: its cells run, its bars end, its live widget answers, its kernel starts again."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
import pytest
from playwright.sync_api import expect

from medsyn_core.data.phantom import template

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = ROOT / "book" / "part2" / "utad_net.ipynb"
FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
    "MEDSYN_CACHE": "cache",
}
TOKEN = "chapter"
SECONDS = 180  # for what takes some when a machine has other things to do
PATIENT = {"timeout": SECONDS * 1000}
HARMLESS = (
    "Cross reference target was not found",  # terms and labels of other pages, of which a lone notebook cannot know
    "Cannot read properties of undefined (reading 'node')",  # JupyterLab asks whether its toolbar hides a MyST cell
)
"""How messages begin that come with the extension that shows MyST."""

# Every code cell has a number, or one has failed.
FAILED = "document.querySelector('[data-mime-type=\"application/vnd.jupyter.error\"]')"
DONE = f"""() => {FAILED} || [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")]
  .every(e => /^\\[\\d+\\]:$/.test(e.textContent))"""
MOVING = ".jp-OutputArea .progress-bar:not(.progress-bar-success, .progress-bar-danger)"

pytestmark = pytest.mark.site


@dataclass
class Lab:
    """A server on a folder that holds a copy of the chapter; `open` is what `make lab` would open in a browser."""

    home: Path
    port: int
    server: subprocess.Popen

    @property
    def copy(self) -> Path:
        return self.home / "book" / CHAPTER.name

    @property
    def said(self) -> str:
        return (self.home / "log").read_text(encoding="utf-8")

    def address(self) -> str:
        """Of the chapter, with the token; waits until the server listens."""
        until = time.monotonic() + SECONDS
        while not listens(self.port):
            assert self.server.poll() is None and time.monotonic() < until, self.said
            time.sleep(0.05)
        return f"http://127.0.0.1:{self.port}/lab/tree/{self.copy.name}?token={TOKEN}"


def listens(port: int) -> bool:
    with socket.socket() as end:
        return end.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    """JupyterLab with folders of its own: it writes nothing into the repository nor the user's home."""
    home = tmp_path_factory.mktemp("lab")
    for name in ("book", *FOLDERS.values()):
        (home / name).mkdir()
    shutil.copyfile(CHAPTER, home / "book" / CHAPTER.name)
    template.template()  # prepared once for all tests; the cohort is this kernel's own work
    made = template.cache_folder() / f"template-v{template.TEMPLATE_VERSION}"
    (home / "cache" / made.name).symlink_to(made)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: str(home / folder) for name, folder in FOLDERS.items()}
    sizes = {"MEDSYN_PROFILE": "smoke", "MEDSYN_PROGRESS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    where = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    where += [f"--ServerApp.root_dir={home / 'book'}", f"--IdentityProvider.token={TOKEN}"]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *where]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=home, env={**os.environ, **own, **sizes}, stdout=log, stderr=log)
    yield Lab(home, port, server)
    family = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
    server.terminate()
    server.wait(SECONDS)
    _, left = psutil.wait_procs(family, 10)
    for process in left:  # a kernel that did not hear that its server has gone
        process.kill()


@pytest.fixture(scope="module")
def tab(browser, lab):
    """The chapter in JupyterLab, its kernel waiting; at the end nothing went wrong in the page's scripts."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab, wrong = context.new_page(), []
    tab.set_default_timeout(SECONDS * 1000)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    tab.goto(lab.address())
    idle(tab)
    yield tab
    context.close()
    assert [text for text in wrong if not text.startswith(HARMLESS)] == []


def idle(tab) -> None:
    """Wait until a kernel is there and has nothing to do; what is asked for before it is there, is lost."""
    expect(tab.locator("#jp-main-statusbar")).to_contain_text("(ipykernel) | Idle", **PATIENT)


def menu(tab, name: str, item: str) -> None:
    tab.get_by_role("menuitem", name=name, exact=True).click()
    tab.get_by_role("menuitem", name=item, exact=True).click()


def code_cells(tab, lab: Lab) -> list[nbformat.NotebookNode]:
    """The code cells with their outputs, as a reader gets them who saves the notebook."""
    tab.keyboard.press("Control+s")
    expect(tab.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")).to_have_count(0, **PATIENT)
    return [cell for cell in nbformat.read(lab.copy, as_version=4).cells if cell.cell_type == "code"]


def complaints(cells: list[nbformat.NotebookNode]) -> list[str]:
    """What a reader sees in red: errors, and whatever was written to stderr."""
    outputs = [output for cell in cells for output in cell.outputs]
    errors = ["\n".join(output.traceback) for output in outputs if output.output_type == "error"]
    return errors + [output.text for output in outputs if output.get("name") == "stderr"]


@pytest.fixture(scope="module")
def ran(tab, lab):
    """The tab after Run All Cells, and the saved code cells; on the way a bar was seen that had not ended."""
    menu(tab, "Run", "Run All Cells")
    tab.wait_for_function(f"() => {FAILED} || document.querySelector('{MOVING}')")
    tab.wait_for_function(DONE)
    idle(tab)
    return tab, code_cells(tab, lab)


def test_every_cell_runs_and_nothing_is_red(ran):
    _, cells = ran
    assert complaints(cells) == []
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_prose_is_read_as_on_the_site(ran):
    tab, _ = ran
    prose = "\n".join(tab.locator(".jp-MarkdownCell .myst").all_text_contents())
    assert "What you will be able to do." in prose
    assert re.findall(r"\{(?:cite|doc|term|eq)\b[^}]*\}|^\([\w-]+\)=", prose, flags=re.M) == []


def test_bars_are_widgets_that_have_ended(ran):
    tab, _ = ran
    bars = tab.locator(".jp-OutputArea .jupyter-widgets", has=tab.locator("> .widget-hprogress"))
    labels = [" ".join(text.split()) for text in bars.all_text_contents()]
    assert [label.split(":")[0] for label in labels][:2] == ["preparing phantom", "utad-teacher"]
    for label in labels:
        percent, done, count = re.search(r": (\d+)% (\d+)/(\d+) \[", label).groups()
        assert percent == "100" and done == count, label
    assert tab.locator(MOVING).count() == 0


def test_the_live_translator_answers(ran):
    tab, _ = ran
    box = tab.locator(".jp-OutputArea .widget-vbox", has=tab.locator("figure"))
    pick = lambda name: box.locator(".widget-dropdown", has_text=name).locator("select")
    made = box.locator("[data-place=made]")
    image, title = made.locator("img"), made.locator("span")
    expect(title).to_have_text("FLAIR, translated", **PATIENT)
    before = image.get_attribute("src")
    pick("target").select_option("T2")
    expect(title).to_have_text("T2, translated", **PATIENT)
    assert image.get_attribute("src") != before and "translated from T1 to T2" in image.get_attribute("alt")
    before = image.get_attribute("src")
    slices = pick("slice")
    slices.select_option(index=0 if slices.evaluate("e => e.selectedIndex") else 1)
    expect(image).not_to_have_attribute("src", before, **PATIENT)
    pick("source").select_option("T2")
    expect(title).to_have_text("T2 itself", **PATIENT)


def test_recorded_figures_move_as_on_the_site(ran):
    tab, _ = ran
    figure = tab.locator("figure.translator").last
    title, said = figure.locator("[data-place=made] span"), figure.locator("output")
    # Not what is painted: JupyterLab leaves cells out of sight unpainted, and their inner text is empty.
    before, score = title.text_content(), said.text_content()
    figure.locator("select").last.select_option(index=1)
    expect(title).not_to_have_text(before, **PATIENT)
    expect(said).not_to_have_text(score, **PATIENT)
    expect(title).to_be_visible(**PATIENT)


def test_the_kernel_starts_again_and_runs_the_first_cells(ran, lab):
    tab, cells = ran
    menu(tab, "Kernel", "Restart Kernel and Clear Outputs of All Cells…")
    tab.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    expect(tab.locator(".jp-CodeCell .jp-OutputArea-output")).to_have_count(0, **PATIENT)
    idle(tab)
    first = next(k for k, cell in enumerate(cells) if ".fit(" in cell.source)
    tab.locator(".jp-CodeCell").nth(first).locator(".jp-InputPrompt").click()
    menu(tab, "Run", "Run All Above Selected Cell")
    expect(tab.locator(".jp-CodeCell .jp-InputPrompt").nth(first - 1)).to_have_text(f"[{first}]:", **PATIENT)
    idle(tab)
    again = code_cells(tab, lab)
    assert complaints(again) == []
    assert [cell.execution_count for cell in again] == [*range(1, first + 1), *[None] * (len(cells) - first)]
    assert again[first - 1].outputs != []
