"""Writes the schema as the records declare it into `versions/0001_baseline.sql`.

    make baseline

Only until 0.2.0 is released; from then on a change of the schema is its own migration.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import DDL, create_mock_engine
from sqlalchemy.dialects import postgresql

from core.features import load_features
from core.kit.database.connection import METADATA

FILE = Path(__file__).parent / "versions" / "0001_baseline.sql"


def statements() -> Iterator[str]:
    """Everything that `create_all` would execute on an empty database."""
    load_features()
    executed: list[Any] = []
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    engine = create_mock_engine("postgresql://", lambda sql, *_a, **_k: executed.append(sql))
    for table in METADATA.tables.values():
        # A set otherwise, whose order differs from run to run.
        table.indexes = sorted(table.indexes, key=lambda index: str(index.name))  # type: ignore[assignment]
    METADATA.create_all(engine, checkfirst=False)
    for one in executed:
        sql = one.statement % one.context if isinstance(one, DDL) and one.context else one
        yield str(sql if isinstance(sql, str) else sql.compile(dialect=dialect)).strip()


if __name__ == "__main__":
    FILE.write_text("".join(f"{sql};\n\n" for sql in statements()))
