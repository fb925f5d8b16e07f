import hashlib
import json
import os
from dataclasses import replace

import numpy as np
import pytest

from autotiny.errors import InputError, UnsupportedModelError
from autotiny.export import ProofError, export_bundle


class WrongOnce:
    """A runtime whose later answers differ from its first: what a broken image would show."""

    name = "wrong"

    def __init__(self, real):
        self.real, self.calls = real, 0

    def __getattr__(self, name):
        return getattr(self.real, name)

    def outputs(self, image, inputs):
        self.calls += 1
        return self.real.outputs(image, inputs) ^ np.int8(self.calls > 1)


def listing(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_manifest_lists_every_file_with_its_sha256(tmp_path, export_helpers, ecosystem):
    out = tmp_path / "new" / "bundle"
    manifest = export_bundle(export_helpers.request(ecosystem), out)
    stored = json.loads((out / "manifest.json").read_text())
    files = {name for name in listing(out) if (out / name).is_file()} - {"manifest.json"}
    assert set(stored["files"]) == files == set(manifest.files)
    for name, digest in stored["files"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert stored["trial"] == 7
    footprint = stored["footprint"]
    assert footprint["ram_bytes"] == footprint["arena_bytes"] + footprint["overhead_ram_bytes"]
    assert stored["versions"]["tflite-micro"]
    assert listing(out.parent) == ["bundle", *(f"bundle/{name}" for name in listing(out))]


def test_full_model_and_image_are_both_in_the_bundle(tmp_path, export_helpers):
    request = export_helpers.request()
    manifest = export_bundle(request, tmp_path / "b")
    assert (tmp_path / "b" / "model.tflite").read_bytes() == request.model
    assert manifest.image_sha256 == hashlib.sha256(request.image).hexdigest()
    assert request.image != request.model


def test_litert_agreement_and_test_accuracy_are_measured(tmp_path, export_helpers):
    request = export_helpers.request()
    manifest = export_bundle(request, tmp_path / "b")
    assert manifest.litert.samples == len(request.test_x)
    assert manifest.litert.equal_outputs == 1.0
    assert manifest.litert.largest_difference == 0
    inputs = np.round(request.test_x * 255 - 128).astype(np.int8)
    predicted = request.runtime.outputs(request.image, inputs).argmax(1)
    assert manifest.scores["test_accuracy"] == pytest.approx((predicted == request.test_y).mean())


def test_two_exports_are_equal_byte_for_byte_and_free_of_paths(tmp_path, export_helpers, ecosystem):
    for name in ("one", "two"):
        export_bundle(export_helpers.request(ecosystem), tmp_path / name)
    assert listing(tmp_path / "one") == listing(tmp_path / "two")
    for name in listing(tmp_path / "one"):
        path = tmp_path / "one" / name
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "two" / name).read_bytes()
            assert str(tmp_path).encode() not in path.read_bytes()


def test_encoded_weights_are_decoded_by_the_firmware_and_kept_plain_on_the_desktop(
    tmp_path, export_helpers, ecosystem
):
    model = export_helpers.model(side=32, largest=7)
    image = export_helpers.with_look_up_table(model)
    request = export_helpers.request(ecosystem, model=model, image=image, side=32)
    manifest = export_bundle(request, tmp_path / "b")
    assert manifest.operators == ("FULLY_CONNECTED", "RESHAPE", "SOFTMAX", "TFLM_DECODE")
    assert len(image) < len(model) < 2 * len(image)
    assert (tmp_path / "b" / "model.tflite").read_bytes() == model
    (resolver,) = (tmp_path / "b").rglob("op_resolver.h")
    assert "resolver.AddDecode()" in resolver.read_text()
    assert "MicroMutableOpResolver<4>" in resolver.read_text()
    assert "October 2025" in (tmp_path / "b" / "README.md").read_text()


def test_configuration_holds_the_smallest_arena_that_starts(tmp_path, export_helpers, ecosystem):
    request = export_helpers.request(ecosystem)
    export_bundle(request, tmp_path / "b")
    (config,) = (tmp_path / "b").rglob("model_config.h")
    arena = f"#define DIGITS_8X8_ARENA_BYTES {request.footprint.arena_bytes}\n"
    assert arena in config.read_text()


def test_outputs_that_are_not_golden_fail_the_proof_and_leave_nothing(tmp_path, export_helpers):
    request = export_helpers.request(runtime=WrongOnce(export_helpers.runtime()))
    with pytest.raises(ProofError, match="golden outputs bit for bit"):
        export_bundle(request, tmp_path / "deep" / "er" / "b")
    assert listing(tmp_path) == []


def test_full_model_that_is_another_model_fails_the_proof(tmp_path, export_helpers):
    request = export_helpers.request(model=export_helpers.model(seed=5))
    with pytest.raises(ProofError, match=r"full model\.tflite"):
        export_bundle(request, tmp_path / "b")
    assert listing(tmp_path) == []


def test_tampered_sources_fail_the_proof(tmp_path, export_helpers, monkeypatch):
    from autotiny.export import bundle

    def tamper(file, old, new):
        def write(folder, files, model):
            changed = files | {file: files[file].replace(old, new, 1)}
            assert changed != files
            original(folder, changed, model)

        return write

    original = bundle._write
    cases = (
        ("model_data.c", "0x54, 0x46, 0x4c, 0x33", "0x54, 0x46, 0x4c, 0x34", "not the image"),
        ("golden.c", "    -7, 3,", "    -7, 4,", "test inputs"),
        ("golden.c", "    -118, 118,", "    -118, 117,", "golden outputs"),
        ("golden.c", "golden_outputs[", "other_outputs[", "cannot be read back"),
    )
    for file, old, new, message in cases:
        monkeypatch.setattr(bundle, "_write", tamper(file, old, new))
        with pytest.raises(ProofError, match=message):
            export_bundle(export_helpers.request(), tmp_path / "b")
        assert listing(tmp_path) == []


def test_existing_folder_is_replaced_only_when_forced_and_only_if_a_bundle(
    tmp_path, export_helpers
):
    out = tmp_path / "b"
    request = export_helpers.request()
    export_bundle(request, out)
    (out / "left_over").touch()
    with pytest.raises(InputError, match="--force"):
        export_bundle(request, out)
    export_bundle(replace(request, trial=8), out, force=True)
    assert json.loads((out / "manifest.json").read_text())["trial"] == 8
    assert not (out / "left_over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_failed_replacement_keeps_the_old_bundle(tmp_path, export_helpers):
    out = tmp_path / "b"
    export_bundle(export_helpers.request(), out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(ProofError):
        export_bundle(export_helpers.request(model=export_helpers.model(seed=5)), out, force=True)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("manifest", [None, "{}", '{"manifest_version": 3}', "no json", "[]"])
def test_force_refuses_a_folder_that_is_no_bundle(tmp_path, export_helpers, manifest):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "precious.txt").write_text("keep")
    if manifest is not None:
        (out / "manifest.json").write_text(manifest)
    before = listing(tmp_path)
    with pytest.raises(InputError, match="neither"):
        export_bundle(export_helpers.request(), out, force=True)
    assert listing(tmp_path) == before


def test_force_takes_an_empty_folder(tmp_path, export_helpers):
    out = tmp_path / "empty"
    out.mkdir()
    export_bundle(export_helpers.request(), out, force=True)
    assert (out / "manifest.json").is_file()


def test_file_in_the_way_is_refused(tmp_path, export_helpers):
    (tmp_path / "file").write_text("keep")
    for out in (tmp_path / "file", tmp_path / "file" / "b"):
        for force in (False, True):
            with pytest.raises(InputError):
                export_bundle(export_helpers.request(), out, force=force)
    assert listing(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_parent_is_refused(tmp_path, export_helpers):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="writable"):
        export_bundle(export_helpers.request(), tmp_path / "b")
    tmp_path.chmod(0o700)
    assert listing(tmp_path) == []


def test_requests_that_do_not_fit_their_model(tmp_path, export_helpers):
    nan = np.full((20, 4, 4, 1), np.nan, np.float32)
    cases = (
        ({"test_x": nan}, "finite"),
        ({"test_y": np.zeros(3, np.int64)}, "as many"),
        ({"test_x": np.zeros((20, 16), np.float32)}, "input shape"),
        ({"class_names": ("a", "b")}, "one class name per output"),
        ({"image": b"no model at all"}, "tflite"),
        ({"ecosystem": "mars"}, "arduino or generic"),
    )
    for changes, message in cases:
        with pytest.raises(InputError, match=message):
            export_bundle(export_helpers.request(**changes), tmp_path / "b")
    assert listing(tmp_path) == []


def test_model_with_float_edges_is_unsupported(tmp_path, export_helpers):
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = schema.ModelT.InitFromPackedBuf(bytearray(export_helpers.model()), 0)
    model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].type = schema.TensorType.FLOAT32
    image = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(UnsupportedModelError, match="int8 inputs"):
        export_bundle(export_helpers.request(image=image), tmp_path / "b")
