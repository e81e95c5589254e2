/* tests/unit/live/store_fake_cold.c -- the cold tier of the store's tests, likewise. */
#include "../store/fake_cold.c"
