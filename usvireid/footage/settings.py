"""The settings of an ingest: how recordings are read, searched and cut. The one home of their defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class ChoosingSettings(_Part):
    """Which boxes of a track become crops."""

    crops: Annotated[int, Field(ge=1, le=1000)] = Field(6, description="crops of a track, at most")
    min_height: Annotated[int, Field(ge=8)] = Field(48, description="pixels; lower boxes give no crop")


class FootageSettings(_Part):
    """How the recordings of a camera are read, searched and cut."""

    detector: str = Field(
        "motion", description="motion, hog, onnx:FILE or boxes:FILE; {video} in FILE is the video's name without suffix"
    )
    frame_rate: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        None, description="frames a second, against the time stamps of the files; none: these are believed"
    )
    every: Annotated[int, Field(ge=1, le=1000)] = Field(1, description="look at each n-th frame only")
    deinterlace: Literal["auto", "always", "never"] = Field("auto", description="auto: frames marked as interlaced")
    inside: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="share of a box that has to lie in the white of the region mask"
    )
    format: Literal["jpg", "png"] = Field("jpg", description="of the crops' files")
    quality: Annotated[int, Field(ge=50, le=100)] = Field(95, description="of JPEG")
    choosing: ChoosingSettings = ChoosingSettings()
