#include "manager/read.h"

#include <algorithm>

#include "manager/oam.h"
#include "manager/oam_fields.h"
#include "manager/workload.h"
#include "manager/workload_fields.h"
#include "manager/yaml_document.h"

namespace wattle::manager {
namespace {

constexpr std::string_view kVersions[] = {oam::kApiVersion, workload::kApiVersion};
constexpr std::string_view kWorkloadKinds[] = {"WorkloadDeployment", "WorkloadReplicaSet", "Workload"};

const YamlField* field(const YamlNode& document, std::string_view key) {
  for (const YamlField& one : document.fields)
    if (one.key == key) return &one;
  return nullptr;
}

Place place_of(const YamlNode& document, const YamlField* found, std::string_view path) {
  return found == nullptr ? Place{std::string(path), document.line, document.column}
                          : Place{std::string(path), found->value.line, found->value.column};
}

bool is_other(std::string_view api_version, std::string_view kind) {
  if (api_version == workload::kApiVersion) return kind == "Artifact" || kind == "Host";
  return api_version == "v1" || api_version.find(".k8s.io/") != std::string_view::npos ||
         api_version == "apps/v1" || api_version == "batch/v1";
}

void refuse_kind(const YamlNode& document, const YamlField* version, const YamlField* kind,
                 Problems& problems) {
  const Place place = place_of(document, kind, "kind");
  const std::string found = kind == nullptr ? "nothing" : describe(kind->value);
  if (version != nullptr && version->value.text == workload::kApiVersion) {
    const std::string_view near =
        kind == nullptr ? std::string_view() : nearest(kind->value.text, kWorkloadKinds);
    return problems.mismatch(place, listed(kWorkloadKinds), found,
                             near.empty() ? std::string() : fmt::format("did you mean \"{}\"?", near));
  }
  problems.mismatch(place_of(document, version, "apiVersion"), listed(kVersions),
                    version == nullptr ? "nothing" : describe(version->value),
                    "a manifest begins with \"apiVersion: core.oam.dev/v1beta1\" and \"kind: Application\"");
}

}  // namespace

std::vector<Application> read_manifests(std::string_view text, const ImageTable& images, Problems& problems) {
  std::vector<Application> applications;
  size_t others = 0;
  for (const YamlNode& document : read_yaml(text, problems)) {
    if (document.kind == YamlKind::nothing) continue;  // "---" at the end
    if (document.kind != YamlKind::map) {
      problems.mismatch({{}, document.line, document.column}, "a manifest", describe(document));
      continue;
    }
    const YamlField* version = field(document, "apiVersion");
    const YamlField* kind = field(document, "kind");
    const std::string_view version_text = version == nullptr ? std::string_view() : version->value.text;
    const std::string_view kind_text = kind == nullptr ? std::string_view() : kind->value.text;
    const bool is_workload = std::find(std::begin(kWorkloadKinds), std::end(kWorkloadKinds), kind_text) !=
                             std::end(kWorkloadKinds);
    if (version_text == oam::kApiVersion) {
      applications.push_back(read_oam(document, problems));
    } else if (version_text == workload::kApiVersion && is_workload) {
      applications.push_back(read_workload(document, images, problems));
    } else if (is_other(version_text, kind_text)) {
      ++others;
      problems.warning(place_of(document, kind, "kind"),
                       fmt::format("{} is Kubernetes' own object, and left out", in_quotes(kind_text)));
    } else {
      refuse_kind(document, version, kind, problems);
    }
  }
  if (applications.empty() && !problems.any_errors())
    problems.error({}, others == 0 ? "the file is empty" : "the file holds no application");
  for (Application& application : applications) resolve_images(application, images);
  return applications;
}

}  // namespace wattle::manager
