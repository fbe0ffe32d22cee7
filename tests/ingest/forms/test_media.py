from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingest.event import AiUsage, Event
from ingest.forms import ai_audio, ai_completion, ai_image, ai_video
from ingest.refusal import Refusal
from ingest.strict_json import Json, parse

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALL = '"provider":"Runway","model":"gen4"'


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (ai_image.read, '"actualImageCount":"2"'),
        (ai_video.read, '"durationSeconds":5.5'),
        (ai_audio.read, '"characterCount":11'),
        (ai_audio.read, '"language":"en"'),
    ],
)
def test_what_a_medium_used_is_elements_and_no_tokens(
    read: Callable[[Mapping[str, Json]], Event], said: str
) -> None:
    event = read(parse(f'{{{CALL},{said},"totalCost":0.5}}'))
    assert (event.source_kind, event.source_id) == ("ai", "ai")
    assert event.ai == AiUsage("runway", "gen4")
    assert event.sent_cost == Decimal("0.5")
    name, value = said.replace('"', "").split(":")
    assert event.elements[name] == value


def test_audio_may_be_told_in_tokens() -> None:
    event = ai_audio.read(
        parse(f'{{{CALL},"inputTokenCount":7,"inputAudioTokenCount":5,"outputTokenCount":"3"}}')
    )
    assert event.ai == AiUsage("runway", "gen4", 7, 3, 0, 0)
    assert event.elements["inputAudioTokenCount"] == "5"


@pytest.mark.parametrize(
    ("read", "field"), [(ai_image.read, "actualImageCount"), (ai_video.read, "durationSeconds")]
)
@pytest.mark.parametrize("said", ["", ',"actualImageCount":null,"durationSeconds":" "'])
def test_a_medium_without_what_it_is_measured_by_is_refused(
    read: Callable[[Mapping[str, Json]], Event], field: str, said: str
) -> None:
    with pytest.raises(Refusal) as refused:
        read(parse(f"{{{CALL}{said}}}"))
    assert [problem.field for problem in refused.value.fields] == [field]


@pytest.mark.parametrize("field", ["inputMessages", "outputResponse", "systemPrompt"])
def test_what_was_said_in_a_conversation_is_not_kept(field: str) -> None:
    event = ai_completion.read(parse(f'{{{CALL},"{field}":"a private matter"}}'))
    assert "a private matter" not in event.line("t", NOW).decode()


def test_nulls_for_optional_fields_are_absent() -> None:
    nulls = '"totalCost":null,"traceId":null,"subscriber":null,"cacheReadTokenCount":null'
    event = ai_completion.read(parse(f'{{{CALL},"inputTokenCount":1,{nulls}}}'))
    assert event == ai_completion.read(parse(f'{{{CALL},"inputTokenCount":1}}'))
