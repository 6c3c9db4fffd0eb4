"""The page's source: one file that lets a browser run its own scripts and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

import numpy as np

from catclf import page

TEXTS = {
    "title": "</title>",
    "n_x": "a & b",
    "origin": "$x",
}


def test_texts_and_data_cannot_leave_their_place() -> None:
    """Texts are escaped, and data holds no angle bracket that could end a script."""
    html = page.render(TEXTS, {"name": "</script><!-- \u2028 ☃"})
    assert "<title>&lt;/title&gt;</title>" in html
    assert "a &amp; b" in html
    assert r'{"name":"\u003c/script>\u003c!-- \u2028 \u2603"}' in html
    assert html.count("</script>") == 2
    assert "$" not in re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL).replace(
        "$x", ""
    )


def test_the_policy_names_the_script_and_the_style_by_their_digests() -> None:
    """No other script runs, and nothing is loaded from anywhere."""
    html = page.render(TEXTS, {})
    found = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert found
    policy = found[1]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    for tag in ("script", "style"):
        contents = re.search(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        assert contents
        digest = base64.b64encode(hashlib.sha256(contents[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_its_scripts_are_those_of_the_package() -> None:
    """Each is in the page once, is described, and could stand in a script element."""
    found = {path.name for path in files("catclf.page").iterdir() if path.name.endswith(".js")}
    assert found == {f"{name}.js" for name in page.SCRIPTS}
    assert set(page.NETWORK_SCRIPTS) < set(page.SCRIPTS)
    assert len(set(page.SCRIPTS)) == len(page.SCRIPTS)
    for name in page.SCRIPTS:
        assert re.search(rf"\b{name}\b", page.__doc__ or "")
        text = (files("catclf.page") / f"{name}.js").read_text(encoding="utf-8")
        assert text.startswith("// ")
        assert not re.search(r"</script|<!--|https?://(?!www\.w3\.org/2000/svg)", text)


def test_no_script_takes_another_ones_name() -> None:
    """They share one scope, where a second function of a name would take the place of the first."""
    scripts = [(files("catclf.page") / f"{name}.js").read_text("utf-8") for name in page.SCRIPTS]
    names = re.findall(
        r"^(?:async )?(?:function|const|let|class) (\w+)", "\n".join(scripts), re.MULTILINE
    )
    assert sorted(set(names)) == sorted(names)


def test_arrays_are_encoded_lowest_byte_first() -> None:
    """Whatever the order of the machine that writes."""
    assert base64.b64decode(page.encoded(np.array([1.5], ">f8"))) == b"\0" * 6 + b"\xf8\x3f"
    assert base64.b64decode(page.encoded(np.array([1, 255], np.uint8))) == b"\x01\xff"
