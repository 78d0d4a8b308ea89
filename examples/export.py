"""An agent that hands out data. Personal data needs a purpose and the data protection officer.

Run it from here: `hitl-fsm run examples.export:agent "Customers of Berlin, please" --user alice`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hitl_fsm import Agent, Engine, current_call, tool

HERE = Path(__file__).parent
MODEL = f"scripted/{HERE / 'export.script.yaml'}"  # for a real model: MODEL = "ollama_chat/qwen3"


@tool(name="data.export", version="1")
def export(dataset: Literal["products", "prices", "customers", "orders"], rows: int, city: str = "") -> str:
    """Write rows of a data set to a file.

    Args:
        dataset: What to export.
        rows: At most how many rows.
        city: Only rows of this city; all when left empty.
    """
    form = current_call().answers  # what people filled in that is no argument of this function
    limits = f", for: {form['purpose']}, delete after {form['keep_days']} days" if form else ""
    where = f" of {city}" if city else ""
    return f"{rows} rows of {dataset}{where} exported{limits}"


engine = Engine(
    policies=HERE.parent / "policies",
    actors={"alice": ["analyst"], "dora": ["dpo"]},
)
agent = Agent(
    name="exports",
    model=MODEL,
    tools=[export],
    instructions="Export what you are asked for, with as few rows as will do.",
    engine=engine,
)
