package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes files and links below a folder: an entry "a -> b" is a link at a that leads to b.
func tree(t *testing.T, root string, entries ...string) {
	t.Helper()
	for _, e := range entries {
		name, target, isLink := strings.Cut(e, " -> ")
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if isLink {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, nil, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLayouts finds cuDNN in the layout of each way of installing it, and the NVRTC of the right
// folder first.
func TestLayouts(t *testing.T) {
	const site = "lib/python3.12/site-packages/nvidia/cudnn/lib/libcudnn.so.9"
	for _, c := range []struct {
		name  string
		tree  []string
		env   map[string]string // below the root, as all paths
		files map[string]string // contents
		want  []string          // in this order
	}{
		{"a virtual environment", []string{"venv/" + site}, map[string]string{"VIRTUAL_ENV": "/venv"}, nil, []string{"/venv/" + site}},
		{"an environment that is not active, by its python3, which is a link",
			[]string{"p/.venv/" + site, "p/.venv/bin/python3 -> ../../../py/bin/python3.12", "py/bin/python3.12", "py/" + site},
			map[string]string{"python": "/p/.venv/bin/python3"}, nil, []string{"/p/.venv/" + site, "/py/" + site}},
		{"uv's own python, a link in ~/.local/bin", []string{"me/.local/bin/python3 -> ../share/uv/python/cpython-3.12/bin/python3.12",
			"me/.local/share/uv/python/cpython-3.12/bin/python3.12", "me/.local/share/uv/python/cpython-3.12/" + site},
			map[string]string{"python": "/me/.local/bin/python3"}, nil, []string{"/me/.local/share/uv/python/cpython-3.12/" + site}},
		{"pyenv's shim, the global version first", []string{"me/.pyenv/shims/python3", "me/.pyenv/versions/3.11.9/" + site, "me/.pyenv/versions/3.12.1/" + site},
			map[string]string{"python": "/me/.pyenv/shims/python3"}, map[string]string{"me/.pyenv/version": "3.11.9\n"},
			[]string{"/me/.pyenv/versions/3.11.9/" + site, "/me/.pyenv/versions/3.12.1/" + site}},
		{"pyenv's shim, a version by the variable", []string{"me/.pyenv/shims/python3", "me/.pyenv/versions/3.11.9/" + site, "me/.pyenv/versions/torch/" + site},
			map[string]string{"python": "/me/.pyenv/shims/python3", "PYENV_VERSION=": "torch"}, map[string]string{"me/.pyenv/version": "3.11.9\n"},
			[]string{"/me/.pyenv/versions/torch/" + site, "/me/.pyenv/versions/3.11.9/" + site}},
		{"conda, by pip and by conda's own packages", []string{"conda/" + site, "conda/lib/libcudnn.so.9", "conda/targets/" + target() + "/lib/libcudnn.so.9"},
			map[string]string{"CONDA_PREFIX": "/conda"}, nil, []string{"/conda/" + site, "/conda/lib/libcudnn.so.9", "/conda/targets/" + target() + "/lib/libcudnn.so.9"}},
		{"CUDNN_PATH before the toolkit", []string{"cudnn/lib/libcudnn.so.9", "toolkit/lib64/libcudnn.so.9"},
			map[string]string{"CUDNN_PATH": "/cudnn", "CUDA_HOME": "/toolkit"}, nil, []string{"/cudnn/lib/libcudnn.so.9", "/toolkit/lib64/libcudnn.so.9"}},
		{"CUDA_PATH", []string{"toolkit/targets/" + target() + "/lib/libcudnn.so.9"}, map[string]string{"CUDA_PATH": "/toolkit"}, nil,
			[]string{"/toolkit/targets/" + target() + "/lib/libcudnn.so.9"}},
		{"a distribution's package", []string{"usr/lib/" + triplet() + "/libcudnn.so.9 -> libcudnn.so.9.19.0", "usr/lib/" + triplet() + "/libcudnn.so.9.19.0"}, nil, nil,
			[]string{"/usr/lib/" + triplet() + "/libcudnn.so.9"}},
		{"toolkits below /usr/local, the newest first", []string{"usr/local/cuda-12.9/lib64/libcudnn.so.9", "usr/local/cuda-13.0/lib64/libcudnn.so.9",
			"usr/local/cuda -> cuda-12.9"}, nil, nil,
			[]string{"/usr/local/cuda/lib64/libcudnn.so.9", "/usr/local/cuda-13.0/lib64/libcudnn.so.9", "/usr/local/cuda-12.9/lib64/libcudnn.so.9"}},
		{"the user's packages", []string{"me/.local/" + site}, map[string]string{"HOME": "/me"}, nil, []string{"/me/.local/" + site}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			tree(t, root, c.tree...)
			for name, text := range c.files {
				if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			env := map[string]string{"root": root}
			for name, value := range c.env {
				if plain, ok := strings.CutSuffix(name, "="); ok {
					env[plain] = value
				} else {
					env[name] = root + value
				}
			}
			var have []string
			for _, p := range fake(t, env).places() {
				if path := filepath.Join(p.folder, "libcudnn.so.9"); p.folder != "" && exists(path) {
					have = append(have, strings.TrimPrefix(path, root))
				}
			}
			if !slices.Equal(have, c.want) {
				t.Errorf("have %s\nwant %s", strings.Join(have, "\n     "), strings.Join(c.want, "\n     "))
			}
		})
	}
}
