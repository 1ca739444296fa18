"""The body of a schedule, as strict as that of a job."""

from __future__ import annotations

import msgspec

from app.body import StrictJson, decode_request, decode_strictly, explain, path_in
from app.schedule_schemas import ScheduleRequest
from tasks.errors import InvalidRequest
from tasks.schedule import Missed

_decoder = msgspec.json.Decoder(ScheduleRequest)


class StrictSchedule(StrictJson):
    """Decodes the body of `POST /schedules`."""

    def decode_bytes(self, value: bytes) -> ScheduleRequest:
        return decode_schedule(value)


def decode_schedule(body: bytes) -> ScheduleRequest:
    """Raises MalformedBody, or InvalidRequest with the place and what must stand there."""
    return decode_strictly(body, _decoder, _explain)


def _explain(message: str, body: bytes) -> str:
    path = path_in(message)
    if path.partition(".")[0] == "job":
        return _explain_job(body)
    if path == "missed":
        return f"missed must be one of {', '.join(Missed)}."
    return explain(message, "a schedule", ScheduleRequest.__struct_fields__)


def _explain_job(body: bytes) -> str:
    """The sentence that the same job would get by itself."""
    job = msgspec.json.decode(body, type=dict[str, msgspec.Raw])["job"]
    try:
        decode_request(bytes(job))
    except InvalidRequest as error:
        return f"job: {error}"
    return "job stands twice; send it once."
