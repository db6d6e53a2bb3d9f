// How a HistoryEntry is written, in the store and on the bus (lattice/json_fields.h). Internal to
// src/manager.
#pragma once

#include "manager/application_record.h"

namespace wattle::manager {

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const HistoryEntry&) {
  fields.optional("version", self.version);
  fields.required("at", self.at);
  fields.required("what", self.what);
  fields.optional("why", self.why);
}

}  // namespace wattle::manager
