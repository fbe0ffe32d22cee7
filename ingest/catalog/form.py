"""What every form of a catalogue is, and how its schema is written for editors."""

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema


class Form(BaseModel):
    """A mapping of the catalogue: immutable, and without keys that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class YamlSchema(GenerateJsonSchema):
    """A schema without nulls: what is optional is left out of a file, never written as null."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        """Return the schema of the value that is there if the key is."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Return a schema that names a default only where there is one."""
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described
