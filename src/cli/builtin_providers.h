// The providers that this program has built in: the one place that names them all.
#pragma once

#include <memory>
#include <vector>

#include "capability/provider.h"

namespace wattle::cli {

class BuiltinProviders {
 public:
  BuiltinProviders();
  // They live as long as this.
  std::vector<capability::ProviderFactory*> factories() const;

 private:
  std::vector<std::unique_ptr<capability::ProviderFactory>> factories_;
};

}  // namespace wattle::cli
