import pytest

from ingest.forms.detection import READERS, Form, detect
from ingest.refusal import Refusal
from ingest.strict_json import parse

TOLD: dict[str, tuple[str, Form]] = {
    "a payload": ('{"payload":{}}', "event"),
    "a payload beside a model": ('{"payload":{},"model":"m","provider":"p"}', "event"),
    "a tool": ('{"toolId":"t","agent":"a"}', "tool"),
    "a CloudEvent": ('{"specversion":"1.0","id":"1","source":"s","type":"t"}', "cloud_event"),
    "a call": ('{"method":"GET","responseCode":200}', "api"),
    "a call of the older form": ('{"eventType":"REQUEST","responseCode":200}', "api_event"),
    "a request": ('{"transactionId":"t","method":"GET","resource":"/"}', "api_request"),
    "a response": ('{"transactionId":"t","responseCode":200,"totalDuration":1}', "api_response"),
    "a completion": ('{"provider":"p","model":"m"}', "ai"),
    "half a completion": ('{"model":"m"}', "ai"),
    "images": ('{"provider":"p","model":"m","actualImageCount":1}', "image"),
    "images by their operation": ('{"model":"m","operationType":"IMAGE"}', "image"),
    "a video": ('{"provider":"p","model":"m","durationSeconds":5,"fps":24}', "video"),
    "a video by its operation": (
        '{"model":"m","durationSeconds":5,"operationType":"VIDEO"}',
        "video",
    ),
    "speech": ('{"provider":"p","model":"m","characterCount":5}', "audio"),
    "a transcription": ('{"model":"m","durationSeconds":5,"operationType":"AUDIO"}', "audio"),
}


@pytest.mark.parametrize(("line", "form"), TOLD.values(), ids=TOLD)
def test_a_form_is_known_by_fields_that_only_it_has(line: str, form: Form) -> None:
    assert detect(parse(line)) == form


def test_every_form_that_has_a_reader_is_told() -> None:
    assert {form for _, form in TOLD.values()} == READERS.keys()


@pytest.mark.parametrize("line", ['{"method":"GET"}', '{"responseCode":200}', "{}"])
def test_what_is_of_no_form_is_refused(line: str) -> None:
    with pytest.raises(Refusal, match="neither payload"):
        detect(parse(line))


def test_seconds_alone_are_neither_audio_nor_video() -> None:
    with pytest.raises(Refusal, match="audio or video: say which"):
        detect(parse('{"provider":"p","model":"m","durationSeconds":5}'))
