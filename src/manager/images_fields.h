// The fields of a table of images. Internal to src/manager.
#pragma once

#include "manager/fields.h"

namespace wattle::manager::images {

struct Table {
  TextMap images{};
  TextMap interfaces{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Table& self) {
  fields.optional({.name = "images", .text = "What runs in place of an image, of whatever version"},
                  self.images);
  fields.optional({.name = "interfaces",
                   .text = "Which provider serves NAMESPACE:PACKAGE[/INTERFACE][#BACKEND] for a Workload"},
                  self.interfaces);
}

}  // namespace wattle::manager::images
