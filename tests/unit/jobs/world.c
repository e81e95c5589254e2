/* tests/unit/jobs/world.c -- the store's world and its fake cold tier, for the tests of jobs too.
 */
#include "unit/store/fake_cold.c"
#include "unit/store/world.c"
