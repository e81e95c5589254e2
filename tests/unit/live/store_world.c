/* tests/unit/live/store_world.c -- the world of the store's tests, for the tests of this folder. */
#include "../store/world.c"
