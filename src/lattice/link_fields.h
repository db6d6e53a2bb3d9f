// The fields of a link's JSON, for what holds links. Internal to src/lattice.
#pragma once

#include "lattice/json_fields.h"
#include "lattice/link.h"

namespace wattle::lattice {

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Link&) {
  fields.required("source_id", self.source_id);
  fields.required("target", self.target);
  fields.optional("name", self.name);
  fields.required("wit_namespace", self.wit_namespace);
  fields.required("wit_package", self.wit_package);
  fields.required("interfaces", self.interfaces);
  fields.optional("source_config", self.source_config);
  fields.optional("target_config", self.target_config);
}

}  // namespace wattle::lattice
