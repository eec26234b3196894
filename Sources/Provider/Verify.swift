// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Images
package import Interface
package import Report

extension Provider {
  /// All that is wrong with an OS, its variant and its parameters, as far as `create` would find it without an instance:
  /// a fault in each element.
  package static func faults(of os: RequestedOS) -> [Failure] {
    let (configuration, faults) = Configuration.read(
      definitionDirectory: os.definition, variant: os.variant, parameters: os.parameters)
    guard faults.isEmpty else { return faults }
    do throws(Failure) {
      // Whether this machine knows where the release comes from, and whose signatures it carries.
      _ = try ImageRecipe(configuration.imageRequest)
      return []
    } catch {
      return [error]
    }
  }
}
