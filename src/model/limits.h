/* model/limits.h -- the rows of limits.def as LIMIT_<symbol>. Each is tested where it enters. */
#ifndef MODEL_LIMITS_H
#define MODEL_LIMITS_H

enum model_limit {
#define LIMIT(symbol, value, what) LIMIT_##symbol = (value),
#include "model/limits.def"
#undef LIMIT
};

#endif
