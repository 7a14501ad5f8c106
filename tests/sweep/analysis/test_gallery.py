"""Which settings have pictures, and of which run."""

from swissroll.sweep.analysis.gallery import open_gallery
from swissroll.sweep.analysis.results import Table


def test_the_gallery_shows_each_setting_once_and_says_how_many(table: Table) -> None:
    found = open_gallery(table)
    cells = [cell for row in found.rows for cell in row if cell]
    assert (found.shown, found.total) == (8, 8)
    assert len({cell.setting.values for cell in cells}) == 8
    for cell in cells:
        assert (cell.scene is None) == (cell.setting.levels["lr"] == 1e4)
        if cell.scene:
            assert cell.scene.config.latent_dim == cell.setting.levels["latent_dim"]
            assert cell.scene.config.seed == 0
