interface LockedPackage {
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

/**
 * Names what the lock file asks for and does not hold. npm leaves out the packages of other platforms when the registry
 * that it asked lacks them, and then refuses the lock file in `npm ci`, everywhere.
 */
export function lockGaps(lock: { packages: Record<string, LockedPackage> }): string[] {
  return Object.entries(lock.packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !reachable(lock.packages, path, name))
      .map((name) => `package-lock.json: ${path || 'the root'} needs ${name}, which is not locked`),
  )
}

/** Looks as Node does: in the folder itself, then in each folder above. */
function reachable(packages: Record<string, LockedPackage>, from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in packages) return true
    if (folder === '') return false
  }
}
