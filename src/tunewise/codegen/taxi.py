"""New York City's green taxi trips: how long a trip takes, from what is known at pick-up.

| column | why |
|---|---|
| pickup | date and time; orders the rows, and becomes hour, weekday and day |
| pickup zone, dropoff zone | where it begins, and where the passenger wants to go |
| same zone | whether these are one |
| passengers, hailed by, vendor | known when the meter starts |

Left out, because only the end of a trip knows it: its distance on the meter, the fare and all that is charged, how it
was paid, the rate code in effect at the end, and of course the time of the end. The target is the logarithm of the
seconds, so that an error is a ratio: missing ten minutes by two is as bad as missing an hour by twelve.

Dropped rows: pick-up outside of the month that the file is named for (clocks that were never set), and trips of less
than a minute or more than three hours (meters switched off by mistake or not at all).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tunewise.data.arrow import check_columns, read_table
from tunewise.errors import StudyError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PICKUP", "TARGET", "load_taxi"]

PICKUP, TARGET = "pickup", "log_seconds"
BOUNDS_S = (60, 3 * 3600)
"""Shortest and longest trip, seconds, both included."""
NEEDED = (
    "lpep_pickup_datetime",
    "lpep_dropoff_datetime",
    "PULocationID",
    "DOLocationID",
    "passenger_count",
    "trip_type",
    "VendorID",
)


def load_taxi(folder: Path) -> pa.Table:
    """Read the commission's monthly files (`green_tripdata_2023-01.parquet`, ...) as a clean table.

    Raises:
        StudyError: There are no such files.
    """
    files = sorted(Path(folder).expanduser().glob("green_tripdata_????-??.parquet"))
    if not files:
        raise StudyError(
            f"{folder} holds no green_tripdata_YYYY-MM.parquet. They come from the trip-record page of New York City's "
            "Taxi and Limousine Commission."
        )
    months = [clean(read_table(file), file.name) for file in files]
    import pyarrow as pa  # after `read_table`, which says what to do when it is missing

    return pa.concat_tables(months)


def clean(table: pa.Table, name: str) -> pa.Table:
    """One month."""
    import pyarrow as pa
    import pyarrow.compute as pc

    check_columns(table, NEEDED, name)
    year, month = map(int, re.findall(r"(\d{4})-(\d{2})", name)[0])
    pickup, dropoff = table["lpep_pickup_datetime"], table["lpep_dropoff_datetime"]
    seconds = pc.divide(pc.cast(pc.subtract(dropoff, pickup), pa.int64()), 1_000_000)

    def codes(column: str) -> pa.ChunkedArray:
        """Whole numbers that are names; some months have them as floats, because some are missing."""
        return pc.cast(pc.cast(table[column], pa.int64()), pa.string())

    zones = [codes("PULocationID"), codes("DOLocationID")]
    made = pa.table(
        {
            PICKUP: pickup,
            "pickup zone": zones[0],
            "dropoff zone": zones[1],
            "same zone": pc.equal(*zones),
            "passengers": pc.cast(table["passenger_count"], pa.float64()),
            "hailed by": codes("trip_type"),
            "vendor": codes("VendorID"),
            TARGET: pc.ln(pc.cast(pc.max_element_wise(seconds, 1), pa.float64())),
        }
    )
    in_month = pc.and_(pc.equal(pc.year(pickup), year), pc.equal(pc.month(pickup), month))
    sensible = pc.and_(pc.greater_equal(seconds, BOUNDS_S[0]), pc.less_equal(seconds, BOUNDS_S[1]))
    return made.filter(pc.and_(in_month, sensible))
