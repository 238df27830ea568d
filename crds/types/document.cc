#include "crds/types/document.h"

#include <cstring>

namespace espalier::crds {

void wipe(Json& json) {
  if (json.is_string()) {
    auto& text = json.get_ref<std::string&>();
    explicit_bzero(text.data(), text.size());
  } else if (json.is_structured()) {
    for (Json& child : json) wipe(child);
  }
}

}  // namespace espalier::crds
