#include "identifier.h"

#include <stdbool.h>
#include <string.h>

// Not isalnum: a locale must never widen what becomes a path.
static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_separator(char c)
{
	return c == '.' || c == '_' || c == '-';
}

static bool is_well_formed(const char *value)
{
	bool after_alphanumeric = false;
	for (; *value; value++) {
		if (is_alphanumeric(*value))
			after_alphanumeric = true;
		else if (is_separator(*value) && after_alphanumeric)
			after_alphanumeric = false;
		else
			return false;
	}
	return after_alphanumeric;
}

int identifier_check(const char *what, const char *value, struct failure *failure)
{
	if (!value || !*value)
		return fail(failure, "the %s is missing: give it with -%s", what, what);
	if (strnlen(value, IDENTIFIER_MAX_LENGTH + 1) > IDENTIFIER_MAX_LENGTH)
		return fail(
			failure, "the %s \"%.*s...\" is longer than %d characters", what, IDENTIFIER_MAX_LENGTH, value,
			IDENTIFIER_MAX_LENGTH);
	if (!is_well_formed(value))
		return fail(
			failure, "the %s \"%s\" may hold only letters and digits, with single '.', '_' or '-' between them", what,
			value);
	return 0;
}
