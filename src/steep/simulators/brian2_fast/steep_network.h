// What Brian2's generated code calls; the source that steep writes for an architecture defines it.
#pragma once
#include <cstdint>
#include <cstring>

void steep_start();
double steep_advance(int64_t step);
