/** Where LayerFS serves, unless it is told otherwise. */
export const LAYERFS_SOCKET = '/run/layerfs/layerfs.sock';

interface Places {
  readonly root: string;
  readonly state: string;
  readonly address: string;
}

/** config.toml of a containerd in a machine, with LayerFS as a snapshotter, of which more may follow. */
export const containerdConfig = ({ root, state, address }: Places) => `version = 2
root = "${root}"
state = "${state}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${address}"
[proxy_plugins.layerfs]
  type = "snapshot"
  address = "${LAYERFS_SOCKET}"
`;
