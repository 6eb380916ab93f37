/* The steps of fuzz-relay.c by a generator of numbers, so that every run of the tests has some of them. */

#include "fuzz-relay.c"
#include "testing/check.h"
#include "testing/descriptors.h"

#define RUNS 4000

static uint32_t state = 2463534242;

static uint32_t next_number(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static void bears_whatever_is_said(void)
{
	static uint8_t data[2048];
	int before = count_descriptors();
	for (int run = 0; run < RUNS; run++) {
		size_t size = next_number() % sizeof data;
		for (size_t i = 0; i < size; i++)
			data[i] = (uint8_t)next_number();
		// What comes first decides the kind: mostly frames, sometimes HTTP/2, seldom neither.
		if (run % 16 > 1) {
			data[0] = 2;
		} else if (run % 16 == 1 && size > 3) {
			data[0] = 0;
			data[1] = 1;
			data[2] = 'P';
		}
		LLVMFuzzerTestOneInput(data, size);
	}
	CHECK(count_descriptors() == before);
}

static const struct check_test tests[] = {
	{TEST(bears_whatever_is_said)},
};

CHECK_MAIN(tests)
