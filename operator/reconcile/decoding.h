// An API server's object as the document that crds/types decodes.
#pragma once

#include "crds/types/document.h"
#include "kube/object.h"

namespace espalier::reconcile {

[[nodiscard]] inline crds::Document document_of(const kube::Object& object) {
  crds::Document document;
  document.json = object.json;
  return document;
}

}  // namespace espalier::reconcile
