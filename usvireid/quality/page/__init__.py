"""The parts of the report's page: what each section says, as plain values for the templates."""
