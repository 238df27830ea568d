// An API server's object as the document that crds/types decodes.
#pragma once

#include "crds/types/document.h"
#include "kube/object.h"

namespace espalier::crds {

[[nodiscard]] inline Document document_of(const kube::Object& object) {
  Document document;
  document.json = object.json;
  return document;
}

}  // namespace espalier::crds
