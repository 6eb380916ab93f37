/**
 * Channel programs (zfs-program(8)): what one of them does is one transaction, so it happens as a whole or not at all,
 * and however much it is, it waits for the pool once. A list of strings arrives as `argv`.
 */

/** DATASET [PROPERTY VALUE]...: sets user properties. Fails before the first if one cannot be set. */
export const SET_PROPERTIES = `
args = ...
argv = args["argv"]
for i = 2, #argv, 2 do
  err = zfs.check.set_prop(argv[1], argv[i], argv[i + 1])
  if err ~= 0 then
    return err
  end
end
for i = 2, #argv, 2 do
  zfs.sync.set_prop(argv[1], argv[i], argv[i + 1])
end
return 0
`;

/**
 * MARK [dataset DATASET | record SNAPSHOT PROPERTY]...: destroys datasets with their snapshots, and records, which are
 * PROPERTY, PROPERTY.1 and on. A dataset that cannot go keeps the property MARK. Clones of a container's file system,
 * unlike layers on a layer, take over what they share. Returns what failed: a table from dataset to errno.
 */
export const DESTROY = `
args = ...
argv = args["argv"]
failed = {}

function collect(iterate, dataset)
  found = {}
  for name in iterate(dataset) do
    table.insert(found, name)
  end
  return found
end

function is_layer(snapshot)
  return string.sub(snapshot, -6) == "@layer"
end

function destroy(dataset)
  if not zfs.exists(dataset) then
    return 0
  end
  zfs.sync.set_prop(dataset, argv[1], "yes")
  for _, snapshot in ipairs(collect(zfs.list.snapshots, dataset)) do
    -- A promoted clone takes the older snapshots with it.
    if zfs.exists(snapshot) and not is_layer(snapshot) then
      for _, clone in ipairs(collect(zfs.list.clones, snapshot)) do
        err = zfs.sync.promote(clone)
        if err ~= 0 then
          return err
        end
      end
    end
  end
  for _, snapshot in ipairs(collect(zfs.list.snapshots, dataset)) do
    err = zfs.sync.destroy(snapshot)
    if err ~= 0 then
      return err
    end
  end
  return zfs.sync.destroy(dataset)
end

function forget(snapshot, property)
  if not zfs.exists(snapshot) then
    return 0
  end
  start = property .. "."
  for _, name in ipairs(collect(zfs.list.user_properties, snapshot)) do
    if name == property or string.sub(name, 1, string.len(start)) == start then
      err = zfs.sync.inherit(snapshot, name)
      if err ~= 0 then
        return err
      end
    end
  end
  return 0
end

i = 2
while i <= #argv do
  if argv[i] == "dataset" then
    err = destroy(argv[i + 1])
    if err ~= 0 then
      failed[argv[i + 1]] = err
    end
    i = i + 2
  else
    err = forget(argv[i + 1], argv[i + 2])
    if err ~= 0 then
      failed[argv[i + 2]] = err
    end
    i = i + 3
  end
end
return failed
`;

/** SNAPSHOT: destroys it; returns the errno. */
export const DESTROY_SNAPSHOT = `
args = ...
return zfs.sync.destroy(args["argv"][1])
`;

/** COUNT PROPERTY... DATASET...: reads the properties of each; a table from dataset to a table, of those that exist. */
export const READ_PROPERTIES = `
args = ...
argv = args["argv"]
count = tonumber(argv[1])
found = {}
for i = count + 2, #argv do
  if zfs.exists(argv[i]) then
    values = {}
    for j = 2, count + 1 do
      value = zfs.get_prop(argv[i], argv[j])
      if value ~= nil then
        values[argv[j]] = value
      end
    end
    found[argv[i]] = values
  end
end
return found
`;
