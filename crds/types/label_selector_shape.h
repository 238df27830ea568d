// The table of label_selector.h, for the kinds' own tables.
#pragma once

#include "crds/types/label_selector.h"
#include "crds/types/values.h"

namespace espalier::crds {

[[nodiscard]] Value<LabelSelector> label_selector();

}  // namespace espalier::crds
