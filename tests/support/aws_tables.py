"""Writes the tables, and the policies that name them, into deploy/aws/template.yaml: `python -m tests.support.aws_tables`.

They are made of the declarations, as the store's own CreateTable is; a test compares.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ticketing.base.tables import Table
from ticketing.schema.tables import (
    ADMISSIONS,
    ALLOWANCES,
    DELIVERIES,
    EVENTS,
    FACTS,
    LEASES,
    LINKS,
    LISTINGS,
    ORDER_DETAILS,
    ORDERS,
    PAYMENTS,
    REFUNDS,
    TICKETS,
    UNIQUES,
    UNTOLD,
    USERS,
    VENUES,
)
from ticketing.storage.dynamo.schema import (
    DYNAMO_TABLES,
    GARBAGE_ATTRIBUTE,
    Definition,
    definition,
    has_garbage,
    is_base,
)

TEMPLATE: Final = Path(__file__).parents[2] / "deploy" / "aws" / "template.yaml"

READING: Final = ("BatchGetItem", "GetItem", "Query")
WRITING: Final = ("ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem")
"""A transaction asks for the right to each of its actions; it has none of its own."""
TIMER_WRITES: Final = (UNIQUES, EVENTS, TICKETS, ORDERS, ALLOWANCES, UNTOLD, DELIVERIES, LEASES)
"""What the jobs of the timer write, and may read: holds give their places back, facts become mails, and the secret is compared."""
TIMER_READS: Final = (USERS, LINKS, VENUES, ORDER_DETAILS, PAYMENTS, REFUNDS, ADMISSIONS, FACTS)
"""What they read alone: what mails tell of."""


def resource_name(table: Table) -> str:
    """What the template calls this table."""
    return f"{table.dynamo_name}Table"


def tables_block() -> Iterator[str]:
    """The lines of all tables."""
    for table in DYNAMO_TABLES:
        yield from _table_lines(table, definition(table))


def _table_lines(table: Table, made: Definition) -> Iterator[str]:
    yield f"  {resource_name(table)}:"
    yield "    Type: AWS::DynamoDB::Table"
    yield "    DeletionPolicy: Retain"
    yield "    UpdateReplacePolicy: Retain"
    yield "    Properties:"
    yield f"      TableName: !Sub ${{AWS::StackName}}-{made['TableName']}"
    yield f"      BillingMode: {made['BillingMode']}"
    yield "      DeletionProtectionEnabled: !If [IsProduction, true, false]"
    yield "      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }"
    if has_garbage(table):
        yield f"      TimeToLiveSpecification: {{ AttributeName: {GARBAGE_ATTRIBUTE}, Enabled: true }}"
    yield "      AttributeDefinitions:"
    for attribute in made["AttributeDefinitions"]:
        yield f"        - {{ AttributeName: {attribute['AttributeName']}, AttributeType: {attribute['AttributeType']} }}"
    yield "      KeySchema:"
    yield from _key_lines(made["KeySchema"], indent=8)
    if indexes := made.get("GlobalSecondaryIndexes"):
        yield "      GlobalSecondaryIndexes:"
        for index in indexes:
            yield f"        - IndexName: {index['IndexName']}"
            yield "          KeySchema:"
            yield from _key_lines(index["KeySchema"], indent=12)
            yield f"          Projection: {{ ProjectionType: {index['Projection']['ProjectionType']} }}"
    yield ""


def _key_lines(schema: Sequence[dict[str, str]], *, indent: int) -> Iterator[str]:
    for key in schema:
        yield f"{' ' * indent}- {{ AttributeName: {key['AttributeName']}, KeyType: {key['KeyType']} }}"


def policy_block(
    written: Sequence[Table], *, read: Sequence[Table] = (), walked: Sequence[Table] = ()
) -> Iterator[str]:
    """The lines of a policy that lets a function read and write tables, read others, walk through some, and nothing else."""
    yield "        - PolicyName: tables"
    yield "          PolicyDocument:"
    yield '            Version: "2012-10-17"'
    yield "            Statement:"
    yield from _statement((*READING, *WRITING), _arns(written))
    if read:
        yield from _statement(READING, _arns(read))
    indexed = [table for table in (*written, *read) if any(not is_base(table, index) for index in table.indexes)]
    yield from _statement(("Query",), [f"!Sub ${{{resource_name(table)}.Arn}}/index/*" for table in indexed])
    if walked:
        yield from _statement(("Scan",), _arns(walked))


def _arns(tables: Sequence[Table]) -> list[str]:
    return [f"!GetAtt {resource_name(table)}.Arn" for table in tables]


def _statement(actions: Sequence[str], resources: Sequence[str]) -> Iterator[str]:
    yield "              - Effect: Allow"
    yield "                Action:"
    yield from (f"                  - dynamodb:{action}" for action in actions)
    yield "                Resource:"
    yield from (f"                  - {resource}" for resource in resources)


def written(template: str) -> str:
    """The template with each block as it has to be."""
    for name, lines in (
        ("tables", list(tables_block())[:-1]),
        ("http-policy", list(policy_block(DYNAMO_TABLES, walked=(LISTINGS,)))),
        ("timer-policy", list(policy_block(TIMER_WRITES, read=TIMER_READS))),
    ):
        head, begin, rest = template.partition(f"# {name}: begin\n")
        _, end, tail = rest.partition(f"# {name}: end\n")
        assert begin, f"the template does not say where {name} begin"
        assert end, f"the template does not say where {name} end"
        indent = head[head.rindex("\n") + 1 :]
        template = head + begin + "".join(f"{line}\n" if line else "\n" for line in lines) + indent + end + tail
    return template


if __name__ == "__main__":
    TEMPLATE.write_text(written(TEMPLATE.read_text("utf-8")), "utf-8")
